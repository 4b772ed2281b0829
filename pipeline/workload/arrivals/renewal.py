"""Renewal processes: independent gaps of one law, at a rate that doesn't change."""

from collections.abc import Mapping
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.open_loop import OpenLoop
from pipeline.workload.randomness import exponential, gamma
from pipeline.workload.ranges import Count, Rate, Variation


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Renewal(OpenLoop):
    """An open loop of such gaps.

    Attributes:
        name: what the user typed.
        rate: requests a second.
        requests: how many come.
        rescale: stretch the timeline so that it lasts exactly requests / rate.
    """

    name: str
    rate: Rate
    requests: Count
    rescale: bool = False

    def seconds(self, expected: float) -> float:
        """At a constant rate."""
        return expected / self.rate


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Constant(Renewal):
    """Settings of `workload/arrivals=constant`: a request every 1/rate seconds."""

    def idle(self) -> Mapping[str, str]:
        """They last requests / rate already."""
        why = "constant arrivals last requests / rate already; workload/arrivals=poisson would"
        return {"rescale": why}

    @property
    def random(self) -> bool:
        """All gaps are the same."""
        return False

    def gaps(self, rng: Random) -> list[float]:
        """All the same."""
        return [1.0] * self.requests


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Poisson(Renewal):
    """Settings of `workload/arrivals=poisson`: exponential gaps of mean 1/rate."""

    def gaps(self, rng: Random) -> list[float]:
        """Independent and exponential."""
        return [exponential(rng) for _ in range(self.requests)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Gamma(Renewal):
    """Settings of `workload/arrivals=gamma`: shape 1/cv², scale cv²/rate, as in S-LoRA.

    Bursty where cv > 1, a Poisson process at cv = 1, steadier below.

    Attributes:
        cv: coefficient of variation of the gaps; vLLM's burstiness b is cv = 1/√b.
    """

    cv: Variation

    def gaps(self, rng: Random) -> list[float]:
        """Independent, of mean 1 and standard deviation cv."""
        variance = self.cv * self.cv
        return [gamma(rng, 1 / variance) * variance for _ in range(self.requests)]
