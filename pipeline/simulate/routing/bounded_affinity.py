"""Home, unless it is much busier than the others: then the next in the adapter's own order."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.simulate.routing.homes import Homes
from pipeline.simulate.routing.routing import Fleet, Router, RoutingLaw


@dataclass(frozen=True, config=STRICT, kw_only=True)
class BoundedAffinity(RoutingLaw):
    """Settings of `routing=bounded_affinity`: hashing with bounded loads (Mirrokni et al., 2018).

    Attributes:
        name: what the user typed.
        bound: most unanswered requests of a replica, as a multiple of the mean.
    """

    name: str
    bound: Annotated[float, Field(gt=1, le=1e6)]

    def router(self, fleet: Fleet, rng: np.random.Generator) -> Router:
        """That knows the homes, and looks at the loads."""
        return _BoundedAffinity(Homes(fleet.replicas, len(fleet.ranks), rng), self.bound)


class _BoundedAffinity(Router):
    def __init__(self, homes: Homes, bound: float) -> None:
        self._homes, self._bound = homes, bound

    def choose(self, adapter: int, load: NDArray[np.int64]) -> int:
        most = np.ceil(self._bound * (load.sum() + 1) / len(load))
        order = self._homes.of(adapter, len(load))
        return int(order[np.argmax(load[order] < most)])
