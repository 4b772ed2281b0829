"""A fleet, and what each routing makes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import cycle, islice
from math import exp, log
from statistics import fmean
from typing import Any

import numpy as np

from pipeline.compare.intervals import student
from pipeline.machine.cores import cores
from pipeline.process.children import in_children
from pipeline.simulate.capacity import FleetCapacity, Target, capacity
from pipeline.simulate.config import SimulateConfig
from pipeline.simulate.fleet import ReplicaModel
from pipeline.simulate.routed_fleet import RoutedFleet
from pipeline.simulate.steps.source import EngineTimes


@dataclass(frozen=True)
class Scenario:
    """A row of the table.

    Attributes:
        replicas: how many served.
        adapters: how many could be asked for.
        routing: who got which request.
        requests: how many were simulated at each rate.
        repeats: what was found in each.
    """

    replicas: int
    adapters: int
    routing: str
    requests: int
    repeats: tuple[FleetCapacity, ...]

    @cached_property
    def rate(self) -> float:
        """Highest that kept the limits, requests a second: the repeats' geometric mean.

        0 where in one of them none did.
        """
        rates = [each.rate for each in self.repeats]
        return exp(fmean(map(log, rates))) if all(rates) else 0.0

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """Student's 95 % interval of the rate, what the searches left open included.

        None of a single repeat, and where there is no rate.
        """
        if not self.rate or len(self.repeats) == 1:
            return None
        low = student([log(each.rate) for each in self.repeats])
        high = student([log(each.beyond) for each in self.repeats])
        assert low is not None and high is not None
        return exp(low[0]), exp(high[1])

    def mean(self, figure: str) -> float:
        """Of a figure over the repeats, each at its own highest rate."""
        return fmean(getattr(each.figures, figure) for each in self.repeats)

    def to_json(self) -> dict[str, Any]:
        """What was found in all, and in each repeat."""
        return {
            "replicas": self.replicas,
            "adapters": self.adapters,
            "routing": self.routing,
            "requests": self.requests,
            "capacity": self.rate,
            "interval": self.interval,
            "repeats": [
                {"capacity": each.rate, "beyond": each.beyond, **asdict(each.figures)}
                for each in self.repeats
            ],
        }


def scenarios(config: SimulateConfig, times: EngineTimes) -> Iterator[Scenario]:
    """Every fleet under every routing, the small fleets first; each as soon as it is known.

    All routings of a fleet are asked the same.
    """
    most = config.processes or cores().threads
    fleets = [
        (replicas, replicas * each)
        for replicas in sorted({*config.replicas})
        for each in sorted({*config.adapters_per_replica})
    ]
    calls = [(config, times, *fleet, n) for fleet in fleets for n in range(config.repeats)]
    found = in_children(capacities, calls, most)
    for replicas, adapters in fleets:
        repeats = [*islice(found, config.repeats)]
        for name in config.routings:
            yield Scenario(
                replicas,
                adapters,
                name,
                config.workload.count(replicas),
                tuple(each[name] for each in repeats),
            )


def capacities(
    config: SimulateConfig, times: EngineTimes, replicas: int, adapters: int, repeat: int
) -> Mapping[str, FleetCapacity]:
    """Of a fleet in one repeat, by routing."""
    ranks = np.array([*islice(cycle(config.ranks), adapters)], np.int64)
    model = ReplicaModel(config.replica, times, ranks)
    demand = config.workload.demand(adapters, replicas, repeat)
    target = Target(config.slo, config.attainment, config.precision)
    return {
        name: capacity(demand, RoutedFleet(replicas, model, routing, config.seed + repeat), target)
        for name, routing in config.routings.items()
    }
