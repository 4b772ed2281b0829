"""Zipf's law: p_i ∝ i^-alpha, so alpha = 0 is uniform."""

import math

from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Independent
from pipeline.workload.randomness import power


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Zipf(Independent):
    """Settings of `workload/popularity=zipf`."""

    name: str
    alpha: NonNegativeFloat

    def probabilities(self, n: int) -> tuple[float, ...]:
        """i^-alpha over ranks i = 1..n, normalised."""
        weights = [power(rank, -self.alpha) for rank in range(1, n + 1)]
        total = math.fsum(weights)
        return tuple(weight / total for weight in weights)
