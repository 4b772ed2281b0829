"""A sign of life on a shared disk: a process elsewhere ends soon after whoever asked for it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Event, Thread

BEAT_S = 1.0
"""Between two signs of life."""

LOST_S = 60.0
"""Seconds without a sign after which nobody waits any more; a disk may show files so late."""


@contextmanager
def pulse(path: Path, beat_s: float = BEAT_S) -> Iterator[None]:
    """A file that changes as long as this lasts and this process lives, whatever it waits for.

    A disk that is full for a moment lets a sign drop out.

    Args:
        path: of the file.
        beat_s: seconds between two signs.
    """
    over = Event()

    def sign(number: int) -> None:
        with suppress(OSError):
            path.write_text(f"{number}\n")

    def beat() -> None:
        for number in count(1):
            if over.wait(beat_s):
                return
            sign(number)

    sign(0)
    beating = Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()


def end_without(path: Path, lost_s: float = LOST_S, look_s: float = BEAT_S) -> None:
    """End this process, and with it its children, when the file has not changed for so long.

    Clocks of two machines differ, so it is the content that counts, and this machine's own time.

    Args:
        path: of the pulse.
        lost_s: seconds without a change.
        look_s: seconds between two looks.
    """
    Thread(target=_watch, args=(path, lost_s, look_s), daemon=True).start()


def _watch(path: Path, lost_s: float, look_s: float) -> None:
    seen, since = "", time.monotonic()
    while time.monotonic() - since < lost_s:
        time.sleep(look_s)
        with suppress(OSError):
            now = path.read_text()
            if now != seen:
                seen, since = now, time.monotonic()
    os.kill(os.getpid(), signal.SIGKILL)
