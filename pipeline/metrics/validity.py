"""Did the engine get the processors it was given? A starved machine's figures are its neighbours'.

A thread that has nothing to do, as while a tiny model's Python runs, isn't starved: a low
utilisation tells against a run only as far as its threads waited for a processor meanwhile.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.metrics.contention import contention
from pipeline.metrics.definitions import Value
from pipeline.metrics.timeline import Timeline
from pipeline.settings import STRICT

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Validity:
    """From when on a run's figures are doubted, and from when on they don't count.

    Attributes:
        min_utilisation: lowest `cpu_utilisation`; below it the run is INVALID.
        caution_utilisation: below it the run carries a caution.
        max_steal: highest `steal_share`; above it the run is INVALID.
        caution_steal: above it the run carries a caution.
    """

    min_utilisation: Share | None = 0.25
    caution_utilisation: Share | None = 0.8
    max_steal: Share | None = 0.5
    caution_steal: Share | None = 0.1

    def __post_init__(self) -> None:
        if _unordered(self.min_utilisation, self.caution_utilisation):
            raise UsageError(
                f"validity.min_utilisation={self.min_utilisation:g}: above "
                f"validity.caution_utilisation={self.caution_utilisation:g}; a caution comes first"
            )
        if _unordered(self.caution_steal, self.max_steal):
            raise UsageError(
                f"validity.caution_steal={self.caution_steal:g}: above "
                f"validity.max_steal={self.max_steal:g}; a caution comes first"
            )


def starved(timeline: Timeline, limits: Validity) -> tuple[str, ...]:
    """Why the run is INVALID, a line each."""
    found = contention(timeline)
    lines = (
        _idle(found, "min_utilisation", limits.min_utilisation),
        _stolen(found, "max_steal", limits.max_steal),
    )
    return tuple(f"starved: {line}" for each in lines for line in each)


def strained(timeline: Timeline, limits: Validity) -> tuple[str, ...]:
    """What is to be said of a run that counts, a line each; nothing where it is INVALID for it."""
    found = contention(timeline)
    if starved(timeline, limits):
        return ()
    return (
        *_idle(found, "caution_utilisation", limits.caution_utilisation),
        *_stolen(found, "caution_steal", limits.caution_steal),
    )


def _unordered(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low > high


def _idle(found: Mapping[str, Value], name: str, limit: float | None) -> Iterator[str]:
    used, waited = found["cpu_utilisation"], found["cpu_wait_share"]
    if limit is None or isinstance(used, str) or used >= limit:
        return
    if not isinstance(waited, str):
        if 1 - waited >= limit:
            return
        why = f", threads waited for a processor in {waited:.0%} of the time they could have run"
    else:
        why = ""
    yield f"cpu_utilisation is {used:.2g}, below validity.{name}={limit:g}{why}{_load(found)}"


def _stolen(found: Mapping[str, Value], name: str, limit: float | None) -> Iterator[str]:
    share = found["steal_share"]
    if limit is not None and not isinstance(share, str) and share > limit:
        yield (
            f"steal_share is {share:.2g}, above validity.{name}={limit:g}: the hypervisor gave "
            f"that much of the processors to others{_load(found)}"
        )


def _load(found: Mapping[str, Value]) -> str:
    load = found["load_average"]
    return "" if isinstance(load, str) else f"; load average {load:.3g}"
