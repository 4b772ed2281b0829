"""Every length between two bounds is equally likely."""

from random import Random

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.randomness import below
from pipeline.workload.ranges import Tokens


@dataclass(frozen=True, config=STRICT, kw_only=True)
class UniformLengths(Lengths):
    """Settings of `workload/lengths=uniform`; both bounds are included."""

    name: str
    key = "workload.lengths.high"
    low: Tokens
    high: Tokens

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise UsageError(f"workload.lengths.low={self.low}: must not exceed high={self.high}")

    def draw(self, count: int, rng: Random) -> list[int]:
        """Independent draws."""
        return [self.low + below(rng, self.high - self.low + 1) for _ in range(count)]

    def most(self) -> int:
        """The upper bound."""
        return self.high
