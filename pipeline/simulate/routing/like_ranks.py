"""Adapters of like rank share replicas, as many as their requests need: LoRAServe's idea.

LoRAServe (arXiv 2511.22880) places adapters anew as popularity drifts, so that the ranks that meet
in a batch are alike: kernels that pad all of a batch to its largest rank lose least so. Here the
adapters, in order of rank, are laid along the replicas, each as wide as its share of the requests;
one that lies across several replicas is on all of them.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.simulate.routing.routing import Fleet, Router, RoutingLaw
from pipeline.simulate.routing.seen_popularity import SeenPopularity

UNSEEN = 0.01
"""Share of the requests that is kept for what nobody has asked for of late, all such together."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class LikeRanks(RoutingLaw):
    """Settings of `routing=like_ranks`.

    Attributes:
        name: what the user typed.
        every: requests after which the adapters are placed anew.
    """

    name: str
    every: PositiveInt

    def router(self, fleet: Fleet, rng: np.random.Generator) -> Router:
        """That places and counts; at first all adapters are as popular."""
        return _LikeRanks(fleet, self.every)


class _LikeRanks(Router):
    def __init__(self, fleet: Fleet, every: int) -> None:
        self._seen = SeenPopularity(len(fleet.ranks), every)
        self._by_rank = np.argsort(fleet.ranks, kind="stable")
        self._replicas = fleet.replicas
        self._place(np.zeros(len(fleet.ranks)))

    def choose(self, adapter: int, load: NDArray[np.int64]) -> int:
        if self._seen.saw(adapter):
            self._place(self._seen.shares())
        first, last = self._first[adapter], self._last[adapter]
        return int(first + np.argmin(load[first : last + 1]))

    def _place(self, shares: NDArray[np.float64]) -> None:
        wide = (shares * (1 - UNSEEN) + UNSEEN / len(shares))[self._by_rank]
        ends = np.cumsum(wide) / wide.sum() * self._replicas
        first, last = np.floor(ends - wide / wide.sum() * self._replicas), np.ceil(ends) - 1
        most = self._replicas - 1
        self._first, self._last = np.empty((2, len(shares)), np.int64)
        self._first[self._by_rank] = np.clip(first, 0, most)
        self._last[self._by_rank] = np.clip(np.maximum(last, np.clip(first, 0, most)), 0, most)
