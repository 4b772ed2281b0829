"""Means and percentiles, and the rule for when a percentile may be printed."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Literal

import numpy as np

Value = float | str
"""A number, or the reason why there is none: `N_TOO_SMALL` or `NOT_MEASURED`."""

N_TOO_SMALL = "n too small"
"""Stands where a number would be that so small a sample can't carry."""

NOT_MEASURED = "not measured"
"""Stands where the run held nothing to measure: a hit rate without look-ups, for one."""

Quantile = Literal[50, 90, 95, 99]

MINIMUM: Mapping[Quantile, int] = {50: 1, 90: 64, 95: 130, 99: 662}
"""Smallest sample for each percentile.

From p90 on they are MLPerf's early-stopping counts: with so many requests, all but one of them
faster than some limit, it is certain at 0.99 that the true percentile lies below that limit.
"""


def percentile(values: Sequence[float], q: Quantile) -> Value:
    """The `q`-th percentile by linear interpolation, or `N_TOO_SMALL`."""
    if len(values) < MINIMUM[q]:
        return N_TOO_SMALL
    return float(np.percentile(values, q, method="linear"))


def mean(values: Sequence[float]) -> Value:
    """The arithmetic mean, or `N_TOO_SMALL` of nothing."""
    return fmean(values) if values else N_TOO_SMALL


def distribution(name: str, values: Sequence[float]) -> dict[str, Value]:
    """`{name}/mean`, `/p50`, `/p90`, `/p95` and `/p99` of a sample, in its own unit."""
    return {f"{name}/mean": mean(values)} | {f"{name}/p{q}": percentile(values, q) for q in MINIMUM}
