"""How much was done in a second of measured wall time."""

from collections.abc import Sequence
from statistics import fmean, stdev

from pipeline.metrics.counts import finished, output_tokens, prompt_tokens
from pipeline.metrics.percentiles import N_TOO_SMALL, Value
from pipeline.metrics.timeline import Iteration, RequestRecord


def throughput(requests: Sequence[RequestRecord], wall_s: float) -> dict[str, Value]:
    """Requests and tokens a second, by the names of docs/metrics.md.

    Only requests without an error count as served, and only their tokens as output, as in vLLM:
    nobody was helped by the others. `generated_tokens_per_s` and `total_tokens_per_s` count the
    tokens of failed requests too, which were work all the same. Prefill is part of the time, load
    and warm-up are not.
    """
    done = finished(requests)
    generated = output_tokens(requests)
    return {
        "sequences_per_s": len(done) / wall_s,
        "requests_per_s": len(done) / wall_s,
        "output_tokens_per_s": output_tokens(done) / wall_s,
        "generated_tokens_per_s": generated / wall_s,
        "total_tokens_per_s": (prompt_tokens(requests) + generated) / wall_s,
    }


def latency_per_iteration(iterations: Sequence[Iteration]) -> dict[str, Value]:
    """`latency_per_iteration_s`: mean wall time of a closed batch, and its variation `/cv`.

    The coefficient of variation is the sample's standard deviation ÷ its mean.
    """
    walls = [each.wall_s for each in iterations]
    average = fmean(walls)
    return {
        "latency_per_iteration_s": average,
        "latency_per_iteration_s/cv": stdev(walls) / average if len(walls) > 1 else N_TOO_SMALL,
    }
