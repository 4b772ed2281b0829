"""The highest rate at which a fleet keeps the limits, by bisection of its logarithm."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from pipeline.metrics.slo import Slo
from pipeline.simulate.demand import Demand
from pipeline.simulate.figures import FleetFigures, figures
from pipeline.simulate.fleet import ReplicaModel, serve
from pipeline.simulate.routing.routing import Fleet, RoutingLaw

LEAST = 1e-4
"""Of the rate that no fleet can serve: where even so little misses the limits, any rate does."""


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


def capacity(
    demand: Demand,
    replicas: int,
    model: ReplicaModel,
    routing: RoutingLaw,
    slo: Slo,
    attainment: float,
    precision: float,
    seed: int,
) -> FleetCapacity:
    """The same requests, faster and slower, until little is left open.

    Args:
        demand: at any rate.
        replicas: how many serve.
        model: what each is.
        routing: who gets which request.
        slo: the limits.
        attainment: share of the requests that must keep them.
        precision: how much higher the lowest rate that misses them may be than the highest that
            keeps them, as a share.
        seed: of the routing's draws, the same at every rate.
    """
    offered = len(demand.arrives) / float(demand.arrives[-1])
    low, high = 0.0, most_possible(demand, model, replicas)
    least = high * LEAST
    found: FleetFigures | None = None
    tried = None
    while high > max(low * (1 + precision), least):
        rate = sqrt(low * high) if low else high / 2
        router = routing.router(Fleet(replicas, model.ranks), np.random.default_rng(seed))
        answered = serve(demand.faster(rate / offered), replicas, model, router)
        tried = figures(answered, replicas, slo)
        if tried.kept >= attainment:
            low, found = rate, tried
        else:
            high = rate
    assert tried is not None
    return FleetCapacity(low, found or tried, high)
