"""Each adapter has one home, to which all its requests go."""

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.simulate.routing.homes import Homes
from pipeline.simulate.routing.routing import Fleet, Router, RoutingLaw


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Affinity(RoutingLaw):
    """Settings of `routing=affinity`: by hash, however busy the home is."""

    name: str

    def router(self, fleet: Fleet, rng: np.random.Generator) -> Router:
        """That knows the homes."""
        return _Affinity(Homes(fleet.replicas, len(fleet.ranks), rng))


class _Affinity(Router):
    def __init__(self, homes: Homes) -> None:
        self._homes = homes

    def choose(self, adapter: int, load: NDArray[np.int64]) -> int:
        return int(self._homes.of(adapter)[0])
