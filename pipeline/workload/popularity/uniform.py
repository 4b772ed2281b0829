"""Every adapter is equally likely: p_i = 1/n."""

from collections.abc import Sequence
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Popularity, draw_independently


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Uniform(Popularity):
    """Settings of `workload/popularity=uniform`."""

    name: str

    def probabilities(self, n: int) -> tuple[float, ...]:
        """1/n each."""
        return (1 / n,) * n

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """Independent draws."""
        return draw_independently(self.probabilities(n), sum(groups), rng)
