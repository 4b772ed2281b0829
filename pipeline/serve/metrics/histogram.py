"""A histogram that costs next to nothing a value, with the bounds of vLLM's."""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

# fmt: off
TTFT_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20,
          40, 80, 160, 640, 2560)
TOKEN_S = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20,
           40, 80)
REQUEST_S = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960,
             1920, 7680)
STEP_TOKENS = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
# fmt: on
"""Of times to a first token, of times between tokens, of whole requests, and of a step's tokens."""

RECENT = 512
"""Of the last values so many are kept, which tell more exactly than buckets how it is now."""


def one_two_five(most: int) -> tuple[int, ...]:
    """1, 2, 5, 10, 20, 50 … up to a number."""
    found = (digit * 10**power for power in range(len(str(most))) for digit in (1, 2, 5))
    return tuple(each for each in found if each <= most)


class Buckets:
    """How many values were at most each bound.

    Attributes:
        total: of all values.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        """No value yet.

        Args:
            bounds: rising.
        """
        self._bounds, self._counts = bounds, [0] * (len(bounds) + 1)
        self._recent: deque[float] = deque(maxlen=RECENT)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value
        self._recent.append(value)

    @property
    def count(self) -> int:
        """Values so far."""
        return sum(self._counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus's `le`, and how many values were no greater."""
        names = [*map(str, map(float, self._bounds)), "+Inf"]
        return [*zip(names, accumulate(self._counts), strict=True)]

    def recent_quantile(self, share: float) -> float | None:
        """Where that share of the last values lies, interpolated; None where there is none."""
        return float(np.quantile(self._recent, share)) if self._recent else None
