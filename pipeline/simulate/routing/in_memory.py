"""To a replica that has the adapter in memory, while it has room: `cluster.routing=adapter`.

Which adapters they have replicas tell every so often; beside these it is, for a while, where the
last request for it went. As `pipeline.serve.cluster.adapter_router` does it on Ray Serve.
"""

from collections import defaultdict
from collections.abc import Collection
from math import inf
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.simulate.routing.routing import Fleet, Router, RoutingLaw


@dataclass(frozen=True, config=STRICT, kw_only=True)
class InMemory(RoutingLaw):
    """Settings of `routing=in_memory`, as those of `cluster=ray`.

    Attributes:
        name: what the user typed.
        open_requests: unanswered requests with which a replica counts as full, and others help.
        told_s: seconds after which replicas tell anew which adapters they have in memory.
        remembered_s: seconds, about, after which it counts no longer where the last request for an
            adapter went.
    """

    name: str
    open_requests: Annotated[PositiveInt, Field(le=10**6)]
    told_s: Annotated[float, Field(gt=0, le=86_400)]
    remembered_s: Annotated[float, Field(ge=0, le=86_400)]

    def router(self, fleet: Fleet, rng: np.random.Generator) -> Router:
        """To which nothing was told yet."""
        return _InMemory(fleet.replicas, self)


class _InMemory(Router):
    def __init__(self, replicas: int, settings: InMemory) -> None:
        self.told_s, self._most = settings.told_s, settings.open_requests
        self._homes: defaultdict[int, set[int]] = defaultdict(set)
        self._held: list[frozenset[int]] = [frozenset()] * replicas
        self._adapters = np.zeros(replicas, np.int64)
        self._tellings = [0] * replicas
        self._remembered = settings.remembered_s / settings.told_s
        self._sent: dict[int, tuple[int, float]] = {}

    def told(self, replica: int, adapters: Collection[int]) -> None:
        held, known = frozenset(adapters), self._held[replica]
        for each in held - known:
            self._homes[each].add(replica)
        for each in known - held:
            self._homes[each].discard(replica)
        self._held[replica] = held
        self._adapters[replica] = len(held)
        self._tellings[replica] += 1

    def choose(self, adapter: int, load: NDArray[np.int64]) -> int:
        chosen = self._home(adapter, load)
        if chosen is None:
            chosen = self._other(load)
        self._sent[adapter] = chosen, self._tellings[chosen]
        return chosen

    def _home(self, adapter: int, load: NDArray[np.int64]) -> int | None:
        """The least loaded that has it; None where all such are full."""
        homes = self._homes[adapter] | self._last(adapter)
        if not homes:
            return None
        places = np.fromiter(homes, np.int64, len(homes))
        least = places[np.argmin(load[places])]
        return int(least) if load[least] < self._most else None

    def _last(self, adapter: int) -> set[int]:
        """Where the last request for it went, if that isn't too many tellings ago."""
        place, then = self._sent.get(adapter, (0, -inf))
        return {place} if self._tellings[place] - then <= self._remembered else set()

    def _other(self, load: NDArray[np.int64]) -> int:
        """The least loaded of all; of several alike that with the fewest adapters."""
        alike = np.flatnonzero(load == load.min())
        return int(alike[np.argmin(self._adapters[alike])])
