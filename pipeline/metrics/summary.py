"""Every number of a run."""

from collections.abc import Mapping
from math import isfinite

from pipeline.metrics.contention import contention
from pipeline.metrics.definitions import Value
from pipeline.metrics.dispatch import dispatch
from pipeline.metrics.fairness import fairness
from pipeline.metrics.latency import latency
from pipeline.metrics.per_adapter import deciles, per_adapter
from pipeline.metrics.price import Price, cost
from pipeline.metrics.resources import (
    decode_throughput,
    harness,
    kv_cache,
    prefill_throughput,
    residency,
    resources,
    stage_seconds,
)
from pipeline.metrics.slo import Slo, service, slora
from pipeline.metrics.throughput import counts, latency_per_iteration, throughput
from pipeline.metrics.timeline import Timeline

NO_PRICE = Price()


def summarise(timeline: Timeline, slo: Slo, price: Price = NO_PRICE) -> dict[str, Value]:
    """All metrics of a run by the names of docs/metrics.md, flat.

    Where a number can't be had its value is the reason, in words; every number is finite.

    Raises:
        ValueError: nothing was measured, or a stamp makes a number infinite or NaN.
    """
    measured = timeline.measured()
    _refuse_empty(timeline, measured)
    found = {**_numbers(measured, slo, price), **run_in(timeline)}
    _refuse_not_finite(found)
    return found


def _numbers(timeline: Timeline, slo: Slo, price: Price) -> dict[str, Value]:
    requests, iterations, wall_s = timeline.requests, timeline.iterations, timeline.wall_s
    return {
        **latency_per_iteration(iterations),
        **throughput(requests, wall_s),
        **decode_throughput(timeline),
        **prefill_throughput(timeline),
        **service(requests, slo, wall_s),
        **slora(requests),
        **cost(requests, price, wall_s),
        **counts(requests),
        "iterations": len(iterations),
        "wall_s": wall_s,
        **latency(requests),
        **dispatch(requests),
        **harness(timeline),
        **residency(iterations),
        **kv_cache(iterations),
        **stage_seconds(iterations),
        **resources(timeline),
        **contention(timeline),
        **fairness(requests),
        **per_adapter(requests, slo, wall_s),
        **deciles(requests, slo, wall_s),
    }


def run_in(timeline: Timeline) -> dict[str, Value]:
    """`run_in_requests` and `run_in_s`: what was served before anything counted; else empty."""
    left_out = sum(each.run_in for each in timeline.requests)
    if not left_out:
        return {}
    return {
        "run_in_requests": left_out,
        "run_in_s": sum(each.wall_s for each in timeline.iterations if each.run_in),
    }


def _refuse_empty(whole: Timeline, timeline: Timeline) -> None:
    """See that nothing is divided by zero."""
    if whole.requests and not timeline.requests:
        raise ValueError(
            f"no metrics: all {len(whole.requests)} requests belong to the run-in; "
            "make workload.run_in shorter, or the run longer"
        )
    if not timeline.requests:
        raise ValueError("no metrics: the timeline holds no request")
    if not timeline.wall_s > 0:
        raise ValueError(f"no metrics: the measured wall time is {timeline.wall_s:g} s")
    if timeline.threads < 1:
        raise ValueError(f"no metrics: the engine had {timeline.threads} threads")


def _refuse_not_finite(found: Mapping[str, Value]) -> None:
    """See that what is written is a number: JSON has neither NaN nor infinity."""
    for name, value in found.items():
        if not isinstance(value, str) and not isfinite(value):
            raise ValueError(f"no metrics: {name} comes out as {value:g}; check the stamps")
