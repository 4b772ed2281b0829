"""Any replica, each as likely as any other."""

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.simulate.routing.routing import Fleet, Router, RoutingLaw


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RandomRouting(RoutingLaw):
    """Settings of `routing=random`."""

    name: str

    def router(self, fleet: Fleet, rng: np.random.Generator) -> Router:
        """That draws."""
        return _Random(fleet.replicas, rng)


class _Random(Router):
    def __init__(self, replicas: int, rng: np.random.Generator) -> None:
        self._replicas, self._rng = replicas, rng

    def choose(self, adapter: int, load: NDArray[np.int64]) -> int:
        return int(self._rng.random() * self._replicas)
