"""Lengths whose logarithm is normal: many short ones, a long tail."""

from random import Random

from pydantic import PositiveFloat
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.randomness import exp, ln, normal
from pipeline.workload.ranges import Tokens


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Lognormal(Lengths):
    """Settings of `workload/lengths=lognormal`: median·e^(sigma·N), N normal, rounded.

    Attributes:
        name: what the user typed.
        median: half are longer, half are shorter; e^mu.
        sigma: standard deviation of the logarithm.
        low: shorter ones are lifted to it.
        high: longer ones are cut to it.
    """

    name: str
    key = "workload.lengths.high"
    median: PositiveFloat
    sigma: PositiveFloat
    low: Tokens
    high: Tokens

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise UsageError(f"workload.lengths.low={self.low}: must not exceed high={self.high}")

    def draw(self, count: int, rng: Random) -> list[int]:
        """Independent draws."""
        return [self._one(rng) for _ in range(count)]

    def most(self) -> int:
        """The upper bound."""
        return self.high

    def _one(self, rng: Random) -> int:
        exponent = ln(self.median) + self.sigma * normal(rng)
        drawn = exp(min(exponent, ln(self.high)))
        return min(max(round(drawn), self.low), self.high)
