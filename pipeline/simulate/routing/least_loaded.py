"""The replica with the fewest unanswered requests, whatever adapters it holds."""

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.simulate.routing.routing import Fleet, Router, RoutingLaw


@dataclass(frozen=True, config=STRICT, kw_only=True)
class LeastLoaded(RoutingLaw):
    """Settings of `routing=least_loaded`; of several alike one is drawn."""

    name: str

    def router(self, fleet: Fleet, rng: np.random.Generator) -> Router:
        """That looks at every replica."""
        return _LeastLoaded(rng)


class _LeastLoaded(Router):
    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def choose(self, adapter: int, load: NDArray[np.int64]) -> int:
        alike = np.flatnonzero(load == load.min())
        return int(alike[int(self._rng.random() * len(alike))])
