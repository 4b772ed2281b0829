"""The highest rate at which a fleet keeps the limits, by halving."""

from dataclasses import dataclass

import numpy as np

from pipeline.metrics.slo import Slo
from pipeline.simulate.demand import Demand
from pipeline.simulate.figures import FleetFigures, figures
from pipeline.simulate.fleet import ReplicaModel, serve
from pipeline.simulate.routing.routing import Fleet, RoutingLaw


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
    halvings: int,
    seed: int,
) -> FleetCapacity:
    """The same requests, faster and slower, until so many halvings have been made.

    Args:
        demand: at any rate.
        replicas: how many serve.
        model: what each is.
        routing: who gets which request.
        slo: the limits.
        attainment: share of the requests that must keep them.
        halvings: of the interval from 0 to what no fleet can serve.
        seed: of the routing's draws, the same at every rate.
    """
    offered = len(demand.arrives) / float(demand.arrives[-1])
    low, high = 0.0, most_possible(demand, model, replicas)
    found: FleetFigures | None = None
    tried = None
    for _ in range(halvings):
        rate = (low + high) / 2
        router = routing.router(Fleet(replicas, model.ranks), np.random.default_rng(seed))
        answered = serve(demand.faster(rate / offered), replicas, model, router)
        tried = figures(answered, replicas, slo)
        if tried.kept >= attainment:
            low, found = rate, tried
        else:
            high = rate
    assert tried is not None
    return FleetCapacity(low, found or tried, high)
