"""Each adapter's own order of the replicas: its home first, then where it goes besides."""

from functools import cached_property
from math import gcd

import numpy as np
from numpy.typing import NDArray


class Homes:
    """Orders that spread adapters evenly, by double hashing: first + number × stride.

    Strides that share no divisor with the number of replicas come by every one of them.
    """

    def __init__(self, replicas: int, adapters: int, rng: np.random.Generator) -> None:
        """Deal them.

        Args:
            replicas: how many there are.
            adapters: how many there are.
            rng: what they are dealt by.
        """
        self.replicas = replicas
        self._first = rng.integers(0, replicas, adapters)
        self._stride = rng.choice(self._strides, adapters)

    def of(self, adapter: int, copies: int = 1) -> NDArray[np.int64]:
        """Its first so many replicas, all different."""
        numbers = np.arange(min(copies, self.replicas))
        places = (self._first[adapter] + numbers * self._stride[adapter]) % self.replicas
        return np.asarray(places, np.int64)

    @cached_property
    def _strides(self) -> list[int]:
        everyone = range(1, max(self.replicas, 2))
        return [each for each in everyone if gcd(each, self.replicas) == 1]
