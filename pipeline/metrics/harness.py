"""What measuring itself takes, so that it can't be mistaken for the engine."""

from pipeline.metrics.counts import output_tokens
from pipeline.metrics.percentiles import NOT_MEASURED, Value
from pipeline.metrics.timeline import Timeline


def harness(timeline: Timeline) -> dict[str, Value]:
    """`harness_s_per_token`, `harness_s_per_request` and `harness_share`.

    The measuring loop's own seconds: neither in a call of the engine nor waiting for an arrival.
    All of them are divided by the tokens and, again, by the requests, so each is a bound for its
    kind; the share is of the measured wall time.
    """
    seconds = sum(each.harness_seconds for each in timeline.iterations)
    tokens = output_tokens(timeline.requests)
    return {
        "harness_s_per_token": seconds / tokens if tokens else NOT_MEASURED,
        "harness_s_per_request": seconds / len(timeline.requests),
        "harness_share": seconds / timeline.wall_s,
    }
