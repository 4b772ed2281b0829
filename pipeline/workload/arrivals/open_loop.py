"""Requests that come whether or not the engine keeps up: what such processes share."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import accumulate
from random import Random

from pipeline.workload.arrivals.process import Arrivals, Slot


class OpenLoop(Arrivals):
    """Gaps of mean 1, summed up, then turned into seconds by the rate.

    Attributes:
        requests: how many come.
        rescale: stretch the timeline so that the last request comes exactly when so many are
            expected (n / rate), as vLLM's benchmark does; what was offered is then the same for
            every seed.
    """

    requests: int
    rescale: bool

    @abstractmethod
    def gaps(self, rng: Random) -> Iterable[float]:
        """Times between requests, the first from the start, in units of the mean."""

    @abstractmethod
    def seconds(self, expected: float) -> float:
        """When so many requests are expected to have come."""

    def slots(self, rng: Random) -> tuple[Slot, ...]:
        """One iteration; the first request comes after the first gap.

        Rounding may put two requests that come together in the wrong order; the later one then
        comes with the earlier.
        """
        expected = list(accumulate(self.gaps(rng)))
        if self.rescale:
            end = float(self.requests)
            factor = end / expected[-1] if expected[-1] > 0 else 0.0
            expected = [*(min(each * factor, end) for each in expected[:-1]), end]
        return tuple(Slot(0, each) for each in accumulate(map(self.seconds, expected), max))

    def groups(self) -> Sequence[int]:
        """Nobody knows which will be in the engine together: all of them may."""
        return [self.requests]
