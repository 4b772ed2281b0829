"""What others took of the processors while something was measured."""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

from pipeline.machine.cores import affinity
from pipeline.machine.kernel_file import text

TASKS = Path("/proc/self/task")
STAT = Path("/proc/stat")
STEAL = 7
"""Column of /proc/stat: time a hypervisor gave to others. Guests' time behind it is in `user`."""


@dataclass(frozen=True, slots=True)
class Contention:
    """How a measured stretch shared the processors; None for what the system doesn't tell.

    Attributes:
        busy_s: wall time of the engine's calls.
        used_s: processor time of its process during these, all threads together.
        waited_s: time that threads of the process could have run and had no processor.
        stolen_s: time that a hypervisor took from the processors in the affinity mask.
        offered_s: time of these processors in all, idle and stolen included.
        load_average: runnable tasks of the machine, mean of the last minute, at the end.
    """

    busy_s: float
    used_s: float
    waited_s: float | None = None
    stolen_s: float | None = None
    offered_s: float | None = None
    load_average: float | None = None

    def beside(self, waited_s: float | None) -> "Contention":
        """The same of a process beside which others compute, whose threads waited that long."""
        if self.waited_s is None or waited_s is None:
            return replace(self, waited_s=None)
        return replace(self, waited_s=self.waited_s + waited_s)


class Meter:
    """Begins to measure when it is made."""

    def __init__(self) -> None:
        self._busy_s = self._used_s = 0.0
        self._cpus = affinity()
        self._waits, self._ticks = waits(), ticks(self._cpus)

    def add(self, busy_s: float, begun: float) -> None:
        """The engine had a call of that length, which began at that `process_time`."""
        self._busy_s += busy_s
        self._used_s += process_time() - begun

    def read(self) -> Contention:
        """All since it was made."""
        stolen, offered = (
            None if now is None or then is None else now - then
            for now, then in zip(ticks(self._cpus), self._ticks, strict=True)
        )
        return Contention(
            self._busy_s, self._used_s, self._waited(), stolen, offered, load_average()
        )

    def _waited(self) -> float | None:
        """Of threads that ended since, nothing is known any more."""
        now = waits()
        if not now or not self._waits:
            return None
        return sum(waited - self._waits.get(thread, 0.0) for thread, waited in now.items())


def waits(tasks: Path = TASKS) -> dict[str, float]:
    """Seconds that each thread of a process has waited for a processor, by its number.

    Linux's scheduler counts them in `schedstat`; empty where it doesn't.
    """
    found = {}
    with suppress(OSError):
        for folder in tasks.iterdir():
            words = (text(folder / "schedstat") or "").split()
            if len(words) > 1:
                found[folder.name] = int(words[1]) / 1e9
    return found


def ticks(cpus: tuple[int, ...], stat: Path = STAT) -> tuple[float | None, float | None]:
    """Seconds stolen from these processors, and their seconds in all, since the machine started."""
    rows = (line.split() for line in (text(stat) or "").splitlines())
    wanted = {f"cpu{cpu}" for cpu in cpus}
    found = [[int(word) for word in row[1:]] for row in rows if row and row[0] in wanted]
    if not found or any(len(row) <= STEAL for row in found):
        return None, None
    second = os.sysconf("SC_CLK_TCK")
    stolen = sum(row[STEAL] for row in found)
    return stolen / second, sum(sum(row[: STEAL + 1]) for row in found) / second


def load_average() -> float | None:
    """Of the last minute."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None
