"""Did the harness keep the schedule? What is late by its fault would be blamed on the engine.

While an engine is in a step, nothing can be handed over; that wait is the engine's, it is in the
latency, and a record's `lag` leaves it out.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from pipeline.metrics.definitions import NOT_MEASURED, Value
from pipeline.metrics.latency import latencies, percentile
from pipeline.metrics.timeline import RequestRecord

LAG_SHARE = 0.01
"""Lateness may make up at most this share of the latency that was measured."""

TAIL_SHARE = 0.1
"""The same for the 99th percentiles of both."""

RATE_SHARE = 0.98
"""The achieved rate must reach this share of the target."""

INSTANT_S = 1e-9
"""No clock tells apart what lies closer together."""


def dispatch(requests: Sequence[RequestRecord]) -> dict[str, Value]:
    """`dispatch_lag_s/*`, `target_rps` and `achieved_rps`; failed requests count.

    Both rates are (n - 1) ÷ (last - first) over the same requests, so neither the wait for the
    first arrival nor the draining after the last is in them: the target by the schedule, the
    achieved one by when the harness was ready to hand over. They aren't measured where all
    requests fall due at once, as in closed batches.
    """
    lags = [each.lag for each in requests]
    target, achieved = _rates(requests)
    return {
        "dispatch_lag_s/p50": percentile(lags, 50),
        "dispatch_lag_s/p99": percentile(lags, 99),
        "target_rps": target,
        "achieved_rps": achieved,
    }


def late(requests: Sequence[RequestRecord]) -> tuple[str, ...]:
    """Why the schedule was not kept, one line each; empty when it was."""
    lags, waits = [each.lag for each in requests], [latencies(each).e2e_s for each in requests]
    lag, tail = sum(lags), percentile(lags, 99)
    slowest = percentile(waits, 99)
    target, achieved = _rates(requests)
    reasons = []
    if lag > LAG_SHARE * sum(waits):
        share = lag / sum(waits)
        reasons.append(f"dispatch lag is {share:.2g} of the latency, more than {LAG_SHARE:g}")
    if _numbers(tail, slowest) and tail > TAIL_SHARE * slowest:  # type: ignore[operator]
        reasons.append(f"dispatch lag's p99 is {tail:.3g} s, the latency's {slowest:.3g} s")
    if _numbers(target, achieved) and achieved < RATE_SHARE * target:  # type: ignore[operator]
        reasons.append(f"{achieved:.4g} requests/s were handed over, {target:.4g} fell due")
    return tuple(reasons)


def held_back(requests: Sequence[RequestRecord], drawn_s: Mapping[int, float]) -> tuple[str, ...]:
    """That less was asked for than the law of arrivals says: later turns waited for answers.

    Nothing is wrong with such a run, but its rate is the engine's as well as the workload's.

    Args:
        requests: those that were measured.
        drawn_s: by id, when the law let them arrive, seconds from the start of their iteration.
    """
    law, due = _rate(requests, lambda each: drawn_s[each.id]), _rates(requests)[0]
    if law is None or isinstance(due, str) or due >= RATE_SHARE * law:
        return ()
    return (
        f"{due:.4g} requests/s fell due where the arrivals say {law:.4g}: later turns waited for "
        "answers; more workload.prompts.conversations at a time would hold fewer back",
    )


def _numbers(*values: Value) -> bool:
    return not any(isinstance(value, str) for value in values)


def _rates(requests: Sequence[RequestRecord]) -> tuple[Value, Value]:
    """Requests falling due a second, and requests that could be handed over a second."""
    due = _rate(requests, lambda each: each.scheduled)
    sent = _rate(requests, lambda each: each.scheduled + each.lag)
    if due is None or sent is None:
        return NOT_MEASURED, NOT_MEASURED
    return due, sent


def _rate(requests: Sequence[RequestRecord], at: Callable[[RequestRecord], float]) -> float | None:
    """(n - 1) ÷ (last - first) by those stamps, iteration by iteration; None where all are one."""
    together: dict[int, list[float]] = defaultdict(list)
    for each in requests:
        together[each.iteration].append(at(each))
    spans = sum(max(stamps) - min(stamps) for stamps in together.values())
    return (len(requests) - len(together)) / spans if spans >= INSTANT_S else None
