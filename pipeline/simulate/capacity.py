"""The highest rate at which a fleet keeps the limits, by bisection of its logarithm."""

from dataclasses import dataclass
from math import sqrt

from pipeline.metrics.slo import Slo
from pipeline.simulate.demand import Demand
from pipeline.simulate.figures import FleetFigures, figures
from pipeline.simulate.fleet import ReplicaModel
from pipeline.simulate.routed_fleet import RoutedFleet

LEAST = 1e-4
"""Of the rate that no fleet can serve: where even so little misses the limits, any rate does."""


@dataclass(frozen=True)
class Target:
    """What a rate has to keep, and how closely the highest such rate is sought.

    Attributes:
        slo: the limits.
        attainment: share of the requests that must keep them.
        precision: how much higher the lowest rate that misses them may be than the highest that
            keeps them, as a share.
    """

    slo: Slo
    attainment: float
    precision: float


@dataclass(frozen=True)
class FleetCapacity:
    """Of a fleet under one routing.

    Attributes:
        rate: highest rate tried that kept the limits, requests a second; 0 where none did.
        figures: at that rate, or at the lowest that was tried.
        beyond: lowest rate tried that missed them; the capacity lies between the two.
    """

    rate: float
    figures: FleetFigures
    beyond: float


def most_possible(demand: Demand, model: ReplicaModel, replicas: int) -> float:
    """A rate no fleet can serve in the long run: steps always full, and no adapter in them."""
    law, batch = model.times.law, model.limits.max_batch_size
    decodes = float((demand.outputs - 1).mean())
    prompt = float(demand.prompts.mean())
    steps = max(decodes / batch, prompt / model.limits.prefill_tokens)
    work_s = law.step_s * steps + law.decode_s * decodes + law.prefill_s * prompt
    return replicas / work_s


def capacity(demand: Demand, fleet: RoutedFleet, target: Target) -> FleetCapacity:
    """The same requests, faster and slower, until little is left open.

    Args:
        demand: at any rate.
        fleet: who is asked.
        target: what counts as served.
    """
    offered = len(demand.arrives) / float(demand.arrives[-1])
    low, high = 0.0, most_possible(demand, fleet.model, fleet.replicas)
    least = high * LEAST
    found: FleetFigures | None = None
    tried = None
    while high > max(low * (1 + target.precision), least):
        rate = sqrt(low * high) if low else high / 2
        answered = fleet.serve(demand.faster(rate / offered))
        tried = figures(answered, fleet.replicas, target.slo)
        if tried.kept >= target.attainment:
            low, found = rate, tried
        else:
            high = rate
    assert tried is not None
    return FleetCapacity(low, found or tried, high)
