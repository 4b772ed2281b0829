"""Affinity, with more homes for the popular: of its homes the least loaded gets the request."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.simulate.routing.homes import Homes
from pipeline.simulate.routing.routing import Fleet, Router, RoutingLaw
from pipeline.simulate.routing.seen_popularity import SeenPopularity


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Replicated(RoutingLaw):
    """Settings of `routing=replicated`.

    Attributes:
        name: what the user typed.
        spread: homes of an adapter for each replica that its requests would fill alone, were all
            requests alike; every adapter has `least` at least.
        least: fewest homes of an adapter.
        every: requests after which popularity is looked at again.
    """

    name: str
    spread: Annotated[float, Field(gt=0, le=1e6)]
    least: PositiveInt
    every: PositiveInt

    def router(self, fleet: Fleet, rng: np.random.Generator) -> Router:
        """That knows the homes, and counts."""
        return _Replicated(Homes(fleet.replicas, len(fleet.ranks), rng), len(fleet.ranks), self)


class _Replicated(Router):
    def __init__(self, homes: Homes, adapters: int, settings: Replicated) -> None:
        self._homes, self._settings = homes, settings
        self._seen = SeenPopularity(adapters, settings.every)
        self._copies = np.full(adapters, settings.least)

    def choose(self, adapter: int, load: NDArray[np.int64]) -> int:
        if self._seen.saw(adapter):
            wanted = np.ceil(self._settings.spread * self._seen.shares() * len(load))
            self._copies = np.maximum(self._settings.least, wanted.astype(int))
        homes = self._homes.of(adapter, int(self._copies[adapter]))
        return int(homes[np.argmin(load[homes])])
