"""Waiting for what another process does."""

import time
from collections.abc import Callable

import psutil

PATIENCE_S = 600.0
"""Seconds after which nobody waits any more: a machine may have much else to do."""


def until(
    holds: Callable[[], object], seconds: float = PATIENCE_S, can: Callable[[], bool] = lambda: True
) -> None:
    """Returns when it holds; a test that waits in vain fails.

    Args:
        holds: asked again and again.
        seconds: after which nobody waits any more.
        can: whether it may still come to that; asked as often.
    """
    ends = time.monotonic() + seconds
    while not holds():
        assert can(), "it can't come any more"
        assert time.monotonic() < ends, f"it hasn't come in {seconds} seconds"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has asked about yet, too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
