"""The requests that were made, simulated as often as chance may have it."""

from dataclasses import replace

import numpy as np

from pipeline.simulate.routed_fleet import RoutedFleet
from tests.simulate.fleet.asked import Asked
from tests.simulate.fleet.figures import Figures, figures_of

DRAWS = 20
LONGEST_S = 60.0
"""What replicas tell at intervals that long, or shorter, they tell at any moment of a run."""


def simulated(asked: Asked, fleet: RoutedFleet) -> list[Figures]:
    """Of some draws: of the routing's chances, and of when replicas tell what they hold."""
    found = []
    for seed in range(DRAWS):
        shift = np.random.default_rng(seed).uniform(0, LONGEST_S)
        demand = replace(asked.demand, arrives=asked.demand.arrives + shift)
        answered = replace(fleet, seed=seed).serve(demand)
        stamps, requests = answered.stamps, np.bincount(answered.replicas)
        found.append(
            figures_of(
                demand,
                stamps.first,
                stamps.finished,
                hit_rate=float(1 - stamps.missed.mean()),
                busiest=float(requests.max() * fleet.replicas / requests.sum()),
            )
        )
    return found
