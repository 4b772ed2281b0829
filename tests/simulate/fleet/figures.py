"""What is held against each other of a fleet that was measured and one that was simulated."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.simulate.demand import Demand

Figures = dict[str, float]
Stamps = Sequence[float] | NDArray[np.float64]


def figures_of(
    demand: Demand, first: Stamps, finished: Stamps, hit_rate: float, busiest: float
) -> Figures:
    """Of all requests.

    Args:
        demand: what was asked.
        first: when each had its first token, seconds as `demand.arrives` counts them.
        finished: when each had its last.
        hit_rate: share of the requests that found their adapter in memory.
        busiest: requests of the replica that got most, as a multiple of the mean.
    """
    ttft, end = np.asarray(first) - demand.arrives, np.asarray(finished)
    return {
        "tokens/s": float(demand.outputs.sum() / (end.max() - demand.arrives[0])),
        "TTFT mean, s": float(ttft.mean()),
        "TTFT p50, s": float(np.quantile(ttft, 0.5)),
        "E2E mean, s": float((end - demand.arrives).mean()),
        "adapter in memory": hit_rate,
        "busiest ÷ mean": busiest,
    }


def means(figures: Sequence[Figures]) -> Figures:
    """Of several, figure by figure."""
    return {name: float(np.mean([each[name] for each in figures])) for name in figures[0]}
