"""What a process's descendants take: processor time and memory."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.machine.contention import waits

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class TreeUsage:
    """Of all descendants of a process, without itself.

    Attributes:
        cpu_seconds: processor time, user and system, of those that live and those that ended and
            were waited for.
        rss_bytes: resident memory of those that live; what they share counts for each.
        processes: how many live.
    """

    cpu_seconds: float
    rss_bytes: int
    processes: int


def tree_usage(pid: int) -> TreeUsage:
    """Of the descendants of a process, now; nothing if it has ended."""
    cpu, rss, count = 0.0, 0, 0
    with suppress(psutil.NoSuchProcess):
        cpu += _of_ended(psutil.Process(pid))
        for each in descendants(pid):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                own = each.cpu_times()
                cpu += own.user + own.system + _of_ended(each)
                rss += each.memory_info().rss
                count += 1
    return TreeUsage(cpu, rss, count)


def tree_waits(pid: int) -> float:
    """Seconds that threads of the descendants that live could have run and had no processor."""
    return sum(sum(waits(PROC / str(each.pid) / "task").values()) for each in descendants(pid))


def descendants(pid: int) -> list[psutil.Process]:
    """The processes that came of one, without it."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def _of_ended(process: psutil.Process) -> float:
    """Processor time of its children that have ended; systems other than Linux don't tell."""
    times = process.cpu_times()
    return float(getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0))
