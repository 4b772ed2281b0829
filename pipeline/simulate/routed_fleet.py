"""A fleet as it is asked: so many replicas, and the routing before them."""

from dataclasses import dataclass

import numpy as np

from pipeline.simulate.demand import Demand
from pipeline.simulate.fleet import Answered, ReplicaModel, serve
from pipeline.simulate.routing.routing import Fleet, RoutingLaw


@dataclass(frozen=True)
class RoutedFleet:
    """Replicas behind a router.

    Attributes:
        replicas: how many serve.
        model: what each of them is.
        routing: who gets which request.
        seed: of what the routing draws.
    """

    replicas: int
    model: ReplicaModel
    routing: RoutingLaw
    seed: int

    def serve(self, demand: Demand) -> Answered:
        """All of it, by a router that has seen no request before, and draws the same each time."""
        fleet, rng = Fleet(self.replicas, self.model.ranks), np.random.default_rng(self.seed)
        return serve(demand, self.replicas, self.model, self.routing.router(fleet, rng))
