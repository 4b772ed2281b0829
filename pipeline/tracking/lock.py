"""Whose a directory is: one process works there at a time, and others see whether it lives.

The locks are the kernel's, which takes them back when their holder ends, killed or not.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from pipeline.errors import UsageError

LOCK = ".lock"
"""Holds the number of the process that took it last."""

PATIENCE_S = 5.0
"""How long a process that is dying is waited for."""

INTERVAL_S = 0.05
"""Between one look at a lock that another holds and the next."""


class InUse(UsageError):
    """Another process works in the directory."""


@contextmanager
def claimed(directory: Path) -> Iterator[int]:
    """Make a directory and keep others from working in it; lends the handle of the lock.

    A child process that is given the handle holds the lock, too, for as long as it lives.

    Raises:
        InUse: another process holds it, and has not let go of it in time.
        UsageError: the directory can't be written.
    """
    handle = _opened(directory)
    try:
        if not _taken(handle, PATIENCE_S):
            raise InUse(_refusal(handle, directory))
        _sign(handle)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def locked(folder: Path, patience_s: float) -> Iterator[None]:
    """Keep others that ask for the same lock out of a folder that is there; leaves no file behind.

    Raises:
        TimeoutError: another process has held it for `patience_s` seconds.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        if not _taken(handle, patience_s):
            raise TimeoutError(f"another process doesn't let go of {folder}")
        yield
    finally:
        os.close(handle)


def is_claimed(directory: Path) -> bool:
    """Whether a living process works there."""
    try:
        handle = os.open(directory / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _opened(directory: Path) -> int:
    """The lock file, made if need be; who tidies up may take an empty directory away meanwhile."""
    while True:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                return os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UsageError(
                f"{directory}: can't be written: {error.strerror}; give another place with "
                "hydra.run.dir=, hydra.sweep.dir= or paths.runs="
            ) from error


def _taken(handle: int, patience_s: float) -> bool:
    """Whether the lock could be had in that time."""
    until = monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > until:
                return False
            sleep(INTERVAL_S)
        else:
            return True


def _sign(handle: int) -> None:
    with suppress(OSError):  # On a full disk the lock holds without a name in it.
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)


def _refusal(handle: int, directory: Path) -> str:
    pid = os.pread(handle, 20, 0).decode(errors="replace").strip()
    who = f"process {pid}" if pid else "another process"
    return f"{directory}: {who} works there; wait until it has ended, or give another directory"
