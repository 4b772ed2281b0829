"""Waiting for what another process does."""

import time
from collections.abc import Callable


def until(
    holds: Callable[[], object], seconds: float = 120, can: Callable[[], bool] = lambda: True
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
