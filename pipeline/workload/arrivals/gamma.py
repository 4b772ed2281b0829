"""Gamma-distributed gaps: bursty where cv > 1, a Poisson process at cv = 1, steadier below."""

from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.open_loop import Steady
from pipeline.workload.ranges import Count, Rate, Variation
from pipeline.workload.variates import gamma


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Gamma(Steady):
    """Settings of `workload/arrivals=gamma`: shape 1/cv², scale cv²/rate, as in S-LoRA.

    Attributes:
        name: what the user typed.
        rate: requests a second.
        cv: coefficient of variation of the gaps; vLLM's burstiness b is cv = 1/√b.
        requests: how many come.
        rescale: stretch the timeline so that it lasts exactly requests / rate.
    """

    name: str
    rate: Rate
    cv: Variation
    requests: Count
    rescale: bool = False

    def gaps(self, rng: Random) -> list[float]:
        """Independent, of mean 1 and standard deviation cv."""
        variance = self.cv * self.cv
        return [gamma(rng, 1 / variance) * variance for _ in range(self.requests)]
