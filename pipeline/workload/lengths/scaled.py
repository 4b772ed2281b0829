"""Any law of lengths times a factor: a set-up for a bigger machine, cut to this one's size."""

from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.ranges import Factor


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Scaled(Lengths):
    """Settings of `workload/lengths=scaled`."""

    name: str
    key = "workload.lengths.factor"
    base: Lengths
    factor: Factor

    @property
    def random(self) -> bool:
        """As the law says."""
        return self.base.random

    def check(self) -> None:
        """What the law says."""
        self.base.check()

    def draw(self, count: int, rng: Random) -> list[int]:
        """The law's draws."""
        return [scaled(length, self.factor) for length in self.base.draw(count, rng)]

    def most(self) -> int:
        """The law's, times the factor."""
        return scaled(self.base.most(), self.factor)


def scaled(length: int, factor: float) -> int:
    """A length times a factor, rounded, at least 1."""
    return max(1, round(length * factor))
