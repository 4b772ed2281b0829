"""Where the measured time went."""

from collections.abc import Iterable

from pipeline.inference.stage_clock import STAGES
from pipeline.metrics.percentiles import NOT_MEASURED, Value
from pipeline.metrics.timeline import Iteration, Timeline


def stage_seconds(iterations: Iterable[Iteration]) -> dict[str, float]:
    """Seconds in each stage over all iterations: `stage_seconds/*`, zero where none were marked.

    They add up to the measured wall time.
    """
    totals = dict.fromkeys(STAGES, 0.0)
    for each in iterations:
        for stage, seconds in each.stage_seconds.items():
            totals[stage] += seconds
    return {f"stage_seconds/{stage}": seconds for stage, seconds in totals.items()}


def decode_throughput(timeline: Timeline) -> dict[str, Value]:
    """`decode_tokens_per_s`: tokens after the first of each request ÷ time in decode steps.

    Time in decode steps is the stages `decode` and `sample` together: a step isn't over before
    its token is chosen. Sampling of first tokens is in there too, a single choice a request. An
    engine that marks no decode stage, a remote server for one, has no such number, and neither
    has a run in which no request got a second token.
    """
    seconds = stage_seconds(timeline.iterations)
    decoding = seconds["stage_seconds/decode"]
    tokens = sum(max(len(each.output_ids) - 1, 0) for each in timeline.requests)
    if decoding <= 0 or not tokens:
        return {"decode_tokens_per_s": NOT_MEASURED}
    return {"decode_tokens_per_s": tokens / (decoding + seconds["stage_seconds/sample"])}
