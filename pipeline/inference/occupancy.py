"""What an engine holds at a moment: who waits, who runs, and which adapters are where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.kv_counts import KvCounts


class Residence(StrEnum):
    """Where an adapter is: on disk alone, on its way into memory, or there."""

    DISK = "disk"
    LOADING = "loading"
    RESIDENT = "resident"


STATES = ("pinned", "idle", "loading", "disk")
"""What an adapter can be to whoever watches."""


class AdapterUse(NamedTuple):
    """One generation of an adapter: what its name stood for, until that was replaced or removed.

    A tuple, for there may be thousands, which are written down anew some times a second.

    Attributes:
        name: by which requests name it.
        current: whether requests may still name it; one that isn't current is there for those that
            were promised it before.
        residence: where it is.
        pins: requests that run with it, for which it stays in memory; 0 is idle.
        bytes: of memory, its load's included; None where it holds none, or the engine can't tell.
        loads: how often it was read.
        load_s: seconds that those took in all, whoever did them.
        lookups: requests that were admitted with it.
        hits: those of them that needn't have waited for a load.
    """

    name: str
    current: bool = True
    residence: Residence = Residence.DISK
    pins: int = 0
    bytes: int | None = None
    loads: int = 0
    load_s: float = 0.0
    lookups: int = 0
    hits: int = 0

    @property
    def state(self) -> str:
        """One of `STATES`: where it is, and if in memory, whether anybody runs with it."""
        if self.residence is Residence.RESIDENT:
            return "pinned" if self.pins else "idle"
        return str(self.residence)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Of an engine between two steps; for a server's gauges, not for measurements.

    Attributes:
        at: when, in `time.perf_counter` seconds.
        in_flight: requests whose end hasn't been told, those included that no step has taken yet.
        running: of those, how many run, by adapter (None: the base model). An engine that serves
            batch by batch runs none between two steps.
        waiting: how many wait for that, by adapter, of those that a step has taken.
        kv_share: of the room for keys and values, what running requests hold, from 0 to 1; None
            where there is no such room.
        adapters: every adapter that may be named, in the order in which the names came, and behind
            them older generations that are still in memory.
        adapter_load_s: seconds that loads of adapters took in all.
        adapter_counts: how adapters came and went since the engine was entered; None where it can't
            tell.
        kv_counts: the like of keys and values; None where nothing is counted.
    """

    at: float
    in_flight: int
    running: Mapping[str | None, int] = field(default_factory=dict)
    waiting: Mapping[str | None, int] = field(default_factory=dict)
    kv_share: float | None = None
    adapters: tuple[AdapterUse, ...] = ()
    adapter_load_s: float = 0.0
    adapter_counts: AdapterCounts | None = None
    kv_counts: KvCounts | None = None
