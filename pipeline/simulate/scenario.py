"""A fleet, and what each routing makes of it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np

from pipeline.simulate.capacity import FleetCapacity, capacity
from pipeline.simulate.config import SimulateConfig
from pipeline.simulate.fleet import ReplicaModel
from pipeline.simulate.steps.source import EngineTimes


@dataclass(frozen=True)
class Scenario:
    """A row of the table.

    Attributes:
        replicas: how many served.
        adapters: how many could be asked for.
        routing: who got which request.
        requests: how many were simulated at each rate.
        capacity: what was found.
    """

    replicas: int
    adapters: int
    routing: str
    requests: int
    capacity: FleetCapacity

    def to_json(self) -> dict[str, Any]:
        """Flat."""
        found = self.capacity
        row = {"replicas": self.replicas, "adapters": self.adapters, "routing": self.routing}
        rates = {"requests": self.requests, "capacity": found.rate, "beyond": found.beyond}
        return row | rates | asdict(found.figures)


def scenarios(config: SimulateConfig, times: EngineTimes) -> Iterator[Scenario]:
    """Every fleet under every routing, the small fleets first; each as soon as it is known.

    All routings of a fleet are asked the same.
    """
    for replicas in sorted({*config.replicas}):
        for each in sorted({*config.adapters_per_replica}):
            adapters = replicas * each
            ranks = np.array([*islice(cycle(config.ranks), adapters)], np.int64)
            model = ReplicaModel(config.replica, times, ranks)
            demand = config.workload.demand(adapters, replicas)
            for name, routing in config.routings.items():
                found = capacity(
                    demand,
                    replicas,
                    model,
                    routing,
                    config.slo,
                    config.attainment,
                    config.halvings,
                    config.seed,
                )
                yield Scenario(replicas, adapters, name, len(demand.arrives), found)
