"""How many cores this process may compute on, and why so many."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from pipeline.errors import UsageError
from pipeline.machine.cgroup import limits
from pipeline.machine.kernel_file import parse_list, text

SYSTEM = Path("/sys/devices/system")
SIBLINGS = ("core_cpus_list", "thread_siblings_list")
"""Files that list a core's hardware threads; the second is the older name."""


@dataclass(frozen=True)
class Cores:
    """What of the machine's processors this process may use.

    Attributes:
        affinity: numbers of the logical processors in its affinity mask.
        physical: cores that these belong to: hyperthreads of one core count once.
        numa_nodes: memory nodes that these belong to; empty where there is no telling.
        quota: processors' worth of time that its control groups allow; None for no limit.
    """

    affinity: tuple[int, ...]
    physical: int
    numa_nodes: tuple[int, ...] = ()
    quota: float | None = None

    @property
    def threads(self) -> int:
        """Threads that can all compute at once: cores in the mask, within the quota, at least 1.

        Two hyperthreads share the units that multiply, so a second one adds little to kernels that
        keep these busy; a thread beyond the quota makes all of them stop until the next period.
        """
        if self.quota is None:
            return self.physical
        return max(1, min(self.physical, math.floor(self.quota)))

    @property
    def reason(self) -> str:
        """Why `threads` is what it is, in a line."""
        cores = f"{self.physical} physical of {len(self.affinity)} logical cores in the affinity"
        if self.quota is None:
            return f"{cores} mask, no CPU quota"
        return f"{cores} mask, a CPU quota of {self.quota:g}"

    def to_json(self) -> dict[str, Any]:
        """As `environment.json` holds it."""
        return {
            "logical_cores": os.cpu_count(),
            "affinity": list(self.affinity),
            "physical_cores": self.physical,
            "numa_nodes": list(self.numa_nodes),
        }


def cores() -> Cores:
    """Those of this process, read now."""
    return cores_of(affinity(), limits()["cpus"])


def cores_of(mask: tuple[int, ...], quota: float | None, system: Path = SYSTEM) -> Cores:
    """The cores and memory nodes of an affinity mask."""
    own = {_siblings(cpu, system) for cpu in mask}
    return Cores(mask, max(1, len(own)), _nodes(mask, system), quota)


def affinity() -> tuple[int, ...]:
    """Numbers of the logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def _siblings(cpu: int, system: Path) -> tuple[int, ...]:
    """Hardware threads of the core that `cpu` is one of; itself alone where there's no telling."""
    folder = system / "cpu" / f"cpu{cpu}" / "topology"
    listed = next((found for name in SIBLINGS if (found := text(folder / name))), None)
    return parse_list(listed) if listed else (cpu,)


def _nodes(mask: tuple[int, ...], system: Path) -> tuple[int, ...]:
    nodes = {
        int(folder.name.removeprefix("node")): parse_list(text(folder / "cpulist") or "")
        for folder in (system / "node").glob("node[0-9]*")
    }
    return tuple(sorted(node for node, cpus in nodes.items() if set(cpus) & set(mask)))


def check_threads(count: int) -> None:
    """Start so many, all at once, and let them end: libraries that can't start theirs abort.

    Args:
        count: compute threads, the caller's included.

    Raises:
        UsageError: the system doesn't let this process start so many.
    """
    done = Event()
    started: list[Thread] = []
    try:
        for _ in range(count - 1):
            thread = Thread(target=done.wait, daemon=True)
            thread.start()
            started.append(thread)
    except (RuntimeError, MemoryError) as error:
        raise UsageError(
            f"threads={count}: this process may start no more than {1 + len(started)} "
            f"({' '.join(str(error).split()) or 'out of memory'}); lower it, or raise ulimit -u"
        ) from error
    finally:
        done.set()
        for each in started:
            each.join()
