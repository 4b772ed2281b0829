"""A request every 1/rate seconds."""

from collections.abc import Mapping
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.open_loop import Steady
from pipeline.workload.ranges import Count, Rate


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Constant(Steady):
    """Settings of `workload/arrivals=constant`; `rate` is in requests a second."""

    name: str
    rate: Rate
    requests: Count
    rescale: bool = False

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
