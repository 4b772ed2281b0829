"""How much memory a process started now may come to use, and who says so; and how much one took."""

import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.machine.cgroup import limits
from pipeline.machine.kernel_file import text

GIGABYTE = 10**9
STATUS = Path("/proc/self/status")
PEAK = "VmHWM:"
"""Begins the line of `STATUS` that says how much was ever resident, in KiB."""


@dataclass(frozen=True)
class AvailableMemory:
    """Memory there is to be had.

    Attributes:
        bytes: how much.
        whose: what sets the bound, for messages.
    """

    bytes: int
    whose: str

    def __str__(self) -> str:
        return f"{self.bytes / GIGABYTE:.3g} GB ({self.whose})"


def available_memory(limit_gb: float | None = None) -> AvailableMemory:
    """The tightest of what is free on the machine and of the limits around this process.

    What may be swapped out counts as free.

    Args:
        limit_gb: a limit of its own, 10⁹ bytes; None for no such limit.
    """
    return min(_rooms(limit_gb), key=lambda room: room.bytes)


def _rooms(limit_gb: float | None) -> Iterator[AvailableMemory]:
    free = psutil.virtual_memory().available + psutil.swap_memory().free
    yield AvailableMemory(int(free), "free on this machine")
    group = limits()["memory_bytes"]
    if group is not None:
        yield AvailableMemory(int(group), "the control group's limit")
    for kind, whose in (
        (resource.RLIMIT_DATA, "ulimit -d"),
        (resource.RLIMIT_AS, "ulimit -v"),
    ):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            yield AvailableMemory(soft, whose)
    if limit_gb is not None:
        yield AvailableMemory(int(limit_gb * GIGABYTE), f"limits.memory_gb={limit_gb:g}")


def memory() -> dict[str, int]:
    """Bytes of memory in all, and those that were free to use."""
    now = psutil.virtual_memory()
    return {"total_bytes": now.total, "available_bytes": now.available}


def peak_rss_bytes(status: Path = STATUS) -> int:
    """Most memory that was ever resident of this process's own.

    `getrusage` would count that of the process which started this one, too: Linux hands the peak
    on to a program that takes the place of another (`setmax_mm_hiwater_rss` in fs/exec.c).
    """
    for line in (text(status) or "").splitlines():
        if line.startswith(PEAK):
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
