"""What a router has seen of adapters' popularity, the recent counting more."""

import numpy as np
from numpy.typing import NDArray

KEPT = 0.5
"""Of what was counted before, at each look."""
SOONEST = 64
"""Requests before the first look; twice as many before the next, as long as that is few."""


class SeenPopularity:
    """Counts requests, and says every so often that it is time to look at them."""

    def __init__(self, adapters: int, every: int) -> None:
        """Nothing was seen.

        Args:
            adapters: how many there are.
            every: requests between two looks.
        """
        self._counts, self._every, self._seen = np.zeros(adapters), every, 0
        self._look = min(SOONEST, every)

    def saw(self, adapter: int) -> bool:
        """Count a request; whether it is time to look."""
        self._counts[adapter] += 1
        self._seen += 1
        if self._seen < self._look:
            return False
        self._look += min(self._look, self._every)
        return True

    def shares(self) -> NDArray[np.float64]:
        """Of the requests, adapter by adapter, of late; what is counted fades from here on."""
        shares = self._counts / max(self._counts.sum(), 1.0)
        self._counts *= KEPT
        return np.asarray(shares, np.float64)
