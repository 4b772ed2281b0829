"""How long requests took, in seconds, and the percentiles of samples.

Latency runs from the schedule, not from when the engine got round to accepting the request, so
that a stalled engine can't hide its queue (coordinated omission). TTFT, TPOT and ITL are vLLM's
and MLPerf's; docs/metrics.md lists what other tools mean by the same letters.

Failed requests never enter a sample: one that gives up early would look fast.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from statistics import fmean
from typing import Literal

import numpy as np

from pipeline.metrics.definitions import N_TOO_SMALL, Value
from pipeline.metrics.throughput import finished
from pipeline.metrics.timeline import RequestRecord

Quantile = Literal[50, 90, 95, 99]

MINIMUM: Mapping[Quantile, int] = {50: 1, 90: 64, 95: 130, 99: 662}
"""Smallest sample for each percentile.

From p90 on they are MLPerf's early-stopping counts: with so many requests, all but one of them
faster than some limit, it is certain at 0.99 that the true percentile lies below that limit.
"""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Those of one request, seconds; docs/metrics.md has their formulas.

    Attributes:
        ttft_s: time to first token; None if no token came.
        ttft_from_submit_s: the same from when the engine accepted it.
        tpot_s: time per output token after the first; None for fewer than two tokens.
        itl_s: inter-token latencies, every gap between neighbouring tokens.
        e2e_s: end to end.
        queue_s: time spent waiting; None if it never was admitted.
    """

    ttft_s: float | None
    ttft_from_submit_s: float | None
    tpot_s: float | None
    itl_s: Sequence[float]
    e2e_s: float
    queue_s: float | None


LATENCIES = tuple(each.name for each in fields(Latencies))


def latencies(record: RequestRecord) -> Latencies:
    """What every metric, limit, plot and table of latencies is made of."""
    first_token = record.tokens[0] if record.tokens else None
    decoding_s, after_first = _between(first_token, record.finished), len(record.output_ids) - 1
    return Latencies(
        ttft_s=_between(record.scheduled, first_token),
        ttft_from_submit_s=_between(record.submitted, first_token),
        tpot_s=None if decoding_s is None or after_first < 1 else decoding_s / after_first,
        itl_s=[later - earlier for earlier, later in pairwise(record.tokens)],
        e2e_s=record.finished - record.scheduled,
        queue_s=_between(record.scheduled, record.admitted),
    )


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


def sample(name: str, found: Iterable[Latencies]) -> list[float]:
    """All values of one of `LATENCIES` that there are; gaps are pooled."""
    if name == "itl_s":
        return [gap for each in found for gap in each.itl_s]
    return [value for each in found if (value := getattr(each, name)) is not None]


def latency(
    requests: Sequence[RequestRecord], names: Sequence[str] = LATENCIES
) -> dict[str, Value]:
    """The distribution of each named latency, and `tpot_s/undefined`."""
    every = [latencies(each) for each in finished(requests)]
    found: dict[str, Value] = {}
    for name in names:
        found |= distribution(name, sample(name, every))
    return found | {"tpot_s/undefined": sum(each.tpot_s is None for each in every)}


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
