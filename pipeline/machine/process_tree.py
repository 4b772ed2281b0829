"""What a process's descendants take: processor time and memory."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.machine.contention import waits


@dataclass(frozen=True, slots=True)
class TreeUsage:
    """Of all descendants of a process, without itself.

    Attributes:
        cpu_seconds: processor time, user and system, of those that live and those that ended and
            were waited for.
        waited_seconds: time that threads of those that live could have run and had no processor.
        rss_bytes: resident memory of those that live; what they share counts for each.
        processes: how many live.
    """

    cpu_seconds: float
    waited_seconds: float
    rss_bytes: int
    processes: int


def tree_usage(pid: int) -> TreeUsage:
    """Of the descendants of a process, now; nothing if it has ended."""
    cpu, waited, rss, count = 0.0, 0.0, 0, 0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        cpu += _of_ended(root)
        for each in root.children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                own = each.cpu_times()
                cpu += own.user + own.system + _of_ended(each)
                rss += each.memory_info().rss
                waited += sum(waits(Path(f"/proc/{each.pid}/task")).values())
                count += 1
    return TreeUsage(cpu, waited, rss, count)


def _of_ended(process: psutil.Process) -> float:
    """Processor time of its children that have ended; systems other than Linux don't tell."""
    times = process.cpu_times()
    return float(getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0))
