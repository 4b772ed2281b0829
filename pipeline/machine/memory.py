"""How much memory a process started now may come to use, and who says so."""

import resource
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from pipeline.machine.cgroup import limits

GIGABYTE = 10**9


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
