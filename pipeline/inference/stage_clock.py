"""Where the time goes: one clock that is always in exactly one stage."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

STAGES = (
    "tokenize",
    "adapter_load",
    "adapter_switch",
    "prefill",
    "decode",
    "sample",
    "detokenize",
    "other",
)
"""Where a run's time can go, in the order a request meets them."""


class StageClock:
    """Adds up seconds by stage.

    It is always in one stage, so the stages add up to the wall time by construction; entering
    one costs a clock reading and an addition.

    Attributes:
        marks: how often a stage was entered since the last restart.
    """

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._stage = "other"
        self._since = perf_counter()
        self.marks = 0
        self._hear: Callable[[str], None] | None = None

    def enter(self, stage: str) -> float:
        """From now on the time belongs to `stage`; returns the stamp of now."""
        now = perf_counter()
        self._seconds[self._stage] += now - self._since
        self._stage, self._since = stage, now
        self.marks += 1
        if self._hear:
            self._hear(stage)
        return now

    def reassign(self, seconds: float, source: str, target: str) -> None:
        """Book that much of `source` to `target` instead, for a stretch that served both."""
        self._seconds[source] -= seconds
        self._seconds[target] += seconds

    def restart(self) -> float:
        """Forget everything and begin in `other`; returns the stamp of now."""
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._stage, self._since = "other", perf_counter()
        self.marks = 0
        return self._since

    @contextmanager
    def heard(self, hear: Callable[[str], None]) -> Iterator[None]:
        """Inside the block `hear` is told each stage that is entered; for profilers alone."""
        self._hear = hear
        try:
            yield
        finally:
            self._hear = None

    def read(self) -> tuple[float, dict[str, float]]:
        """The stamp of now, and the seconds by stage up to it."""
        now = self.enter("other")
        return now, dict(self._seconds)


def mark_cost_s(marks: int = 10_000) -> float:
    """Seconds that one mark costs, measured over many."""
    clock = StageClock()
    started = perf_counter()
    for _ in range(marks):
        clock.enter("other")
    return (perf_counter() - started) / marks
