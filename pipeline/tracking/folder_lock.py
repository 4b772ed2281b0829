"""One process at a time in a folder, whatever becomes of the one before."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INTERVAL_S = 0.05


@contextmanager
def locked(folder: Path, patience_s: float) -> Iterator[None]:
    """Keep others that ask for the same lock out of `folder` meanwhile; leaves no file behind.

    The system gives the lock back when its holder ends, killed or not.

    Raises:
        TimeoutError: another process has held it for `patience_s` seconds.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        _take(handle, folder, time.monotonic() + patience_s)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"another process doesn't let go of {folder}") from None
            time.sleep(INTERVAL_S)
