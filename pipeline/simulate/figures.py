"""What a simulation comes to, in numbers."""

from dataclasses import dataclass

import numpy as np

from pipeline.metrics.slo import Slo
from pipeline.simulate.fleet import Answered

RUN_IN = 1 / 3
"""Share of the requests that is served and not counted: memories fill, queues build up."""


@dataclass(frozen=True)
class FleetFigures:
    """Of the counted requests.

    Attributes:
        rate: requests a second that came.
        served: requests a second that were answered, from the first one's coming to the last
            one's end.
        tokens_per_s: tokens of these answers, a second.
        kept: share of the requests that kept every limit.
        ttft_p50: seconds to the first token, of half of them at most.
        ttft_p99: the same of 99 %.
        e2e_p50: seconds to the last token.
        e2e_p99: the same of 99 %.
        hit_rate: share of the requests that found their adapter in memory.
        busiest: requests of the replica that got most, as a multiple of the mean.
    """

    rate: float
    served: float
    tokens_per_s: float
    kept: float
    ttft_p50: float
    ttft_p99: float
    e2e_p50: float
    e2e_p99: float
    hit_rate: float
    busiest: float


def figures(answered: Answered, replicas: int, slo: Slo, run_in: float = RUN_IN) -> FleetFigures:
    """The numbers.

    Args:
        answered: all that was simulated.
        replicas: how many served.
        slo: the limits.
        run_in: share of the requests, from the first on, that doesn't count.
    """
    first = int(len(answered.replicas) * run_in)
    demand, stamps = answered.demand, answered.stamps
    arrives, outputs = demand.arrives[first:], demand.outputs[first:]
    ttft, e2e = stamps.first[first:] - arrives, stamps.finished[first:] - arrives
    tpot = (e2e - ttft) / np.maximum(outputs - 1, 1)
    kept = np.ones(len(arrives), bool)
    for values, most in ((ttft, slo.ttft), (tpot, slo.tpot), (e2e, slo.e2e)):
        kept &= values <= (np.inf if most is None else most)
    wall = stamps.finished[first:].max() - arrives[0]
    requests = np.bincount(answered.replicas[first:], minlength=replicas)
    return FleetFigures(
        rate=float((len(arrives) - 1) / max(arrives[-1] - arrives[0], 1e-12)),
        served=float(len(arrives) / wall),
        tokens_per_s=float(outputs.sum() / wall),
        kept=float(kept.mean()),
        ttft_p50=float(np.quantile(ttft, 0.5)),
        ttft_p99=float(np.quantile(ttft, 0.99)),
        e2e_p50=float(np.quantile(e2e, 0.5)),
        e2e_p99=float(np.quantile(e2e, 0.99)),
        hit_rate=float(1 - stamps.missed[first:].mean()),
        busiest=float(requests.max() / requests.mean()),
    )
