"""A sign of life on a shared disk: a process elsewhere ends soon after whoever asked for it."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

BEAT_S = 1.0
"""Between two signs of life."""

LOST_S = 60.0
"""Seconds without a sign after which nobody waits any more; a disk may show files so late."""


class Pulse:
    """A file that changes as long as somebody waits."""

    def __init__(self, path: Path) -> None:
        """Give the first sign there."""
        self._path, self._beats = path, 0
        self.beat()

    def beat(self) -> None:
        """Give a sign; a disk that is full for a moment lets one drop out."""
        self._beats += 1
        with suppress(OSError):
            self._path.write_text(f"{self._beats}\n")


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
