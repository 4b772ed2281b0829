"""A Poisson process: gaps are exponential, of mean 1/rate."""

from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.open_loop import Steady
from pipeline.workload.ranges import Count, Rate
from pipeline.workload.variates import exponential


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Poisson(Steady):
    """Settings of `workload/arrivals=poisson`; `rate` is in requests a second."""

    name: str
    rate: Rate
    requests: Count
    rescale: bool = False

    def gaps(self, rng: Random) -> list[float]:
        """Independent and exponential."""
        return [exponential(rng) for _ in range(self.requests)]
