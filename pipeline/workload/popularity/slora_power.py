"""Request gets adapter ⌊n·U^(1/alpha)⌋, U uniform: S-LoRA's law (numpy's `power`)."""

from collections.abc import Sequence
from random import Random

from pydantic import PositiveFloat
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Popularity
from pipeline.workload.randomness import power


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SloraPower(Popularity):
    """Settings of `workload/popularity=slora_power`.

    alpha = 1 is uniform, a smaller one is more skewed. Above 1 the last adapters are the popular
    ones, as in S-LoRA's own code.
    """

    name: str
    alpha: PositiveFloat

    def probabilities(self, n: int) -> tuple[float, ...]:
        """((i + 1) / n)^alpha - (i / n)^alpha for i = 0..n-1."""
        below = [power(i / n, self.alpha) for i in range(n + 1)]
        return tuple(below[i + 1] - below[i] for i in range(n))

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """Independent draws."""
        return [
            min(int(n * power(rng.random(), 1 / self.alpha)), n - 1) for _ in range(sum(groups))
        ]
