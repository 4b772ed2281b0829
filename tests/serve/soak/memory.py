"""Whether a server's memory stays what it is."""

from collections.abc import Sequence
from statistics import median
from threading import Event, Thread
from time import monotonic
from typing import Self

from tests.serve.launched import Launched

EVERY_S = 1.0
SETTLED, WINDOW = 0.3, 0.2
"""Of the time: after so much of it all has been touched that will be; of so much at each end a
median is taken."""


class MemoryWatch:
    """Looks every second, as a context manager.

    Attributes:
        samples: seconds since the beginning, and bytes.
    """

    def __init__(self, server: Launched) -> None:
        self._server, self._over = server, Event()
        self.samples: list[tuple[float, int]] = []

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        began = monotonic()
        while not self._over.wait(EVERY_S):
            self.samples.append((monotonic() - began, self._server.usage.rss_bytes))


def settled_and_last(samples: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Memory once it has settled, and at the end: medians, bytes."""
    most = samples[-1][0]
    early = [size for at, size in samples if SETTLED <= at / most < SETTLED + WINDOW]
    late = [size for at, size in samples if at / most >= 1 - WINDOW]
    return median(early), median(late)
