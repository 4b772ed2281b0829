"""The less loaded of two replicas that are drawn: what Ray Serve does, `cluster.routing=load`."""

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.simulate.routing.routing import Fleet, Router, RoutingLaw


@dataclass(frozen=True, config=STRICT, kw_only=True)
class TwoChoices(RoutingLaw):
    """Settings of `routing=two_choices` (Mitzenmacher, 2001)."""

    name: str

    def router(self, fleet: Fleet, rng: np.random.Generator) -> Router:
        """That draws two, and looks at these alone."""
        return _TwoChoices(fleet.replicas, rng)


class _TwoChoices(Router):
    def __init__(self, replicas: int, rng: np.random.Generator) -> None:
        self._replicas, self._rng = replicas, rng

    def choose(self, adapter: int, load: NDArray[np.int64]) -> int:
        first = int(self._rng.random() * self._replicas)
        if self._replicas == 1:
            return first
        second = int(self._rng.random() * (self._replicas - 1))
        second += second >= first
        return first if load[first] <= load[second] else second
