"""Where the measured time went, and what the run took: adapters, processor, memory, measuring."""

from collections.abc import Iterable

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.kv_counts import KvCounts
from pipeline.inference.stage_clock import STAGES
from pipeline.metrics.definitions import NOT_MEASURED, Value
from pipeline.metrics.throughput import output_tokens, prompt_tokens
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


def prefill_throughput(timeline: Timeline) -> dict[str, Value]:
    """`prefill_tokens_per_s`: tokens of the prompts that were read ÷ time in prefill steps.

    A step that reads prompts and makes tokens for others, too, is a prefill step, so only where
    requests come in batches does the number say how fast prompts are read.
    """
    reading = stage_seconds(timeline.iterations)["stage_seconds/prefill"]
    tokens = prompt_tokens(timeline.requests)
    return {"prefill_tokens_per_s": tokens / reading if reading > 0 else NOT_MEASURED}


def residency(iterations: Iterable[Iteration]) -> dict[str, Value]:
    """`adapter_switches`, `adapter_loads`, `adapter_evictions` and `adapter_hit_rate`.

    A hit is a request whose adapter was resident when it was admitted; requests for the base
    model look nothing up. Without look-ups there is no hit rate; none of them where the engine, a
    server for one, can't tell.
    """
    counted = [each.adapters for each in iterations]
    known = [each for each in counted if each is not None]
    if len(known) < len(counted):
        names = ("adapter_switches", "adapter_loads", "adapter_evictions", "adapter_hit_rate")
        return dict.fromkeys(names, NOT_MEASURED)
    total = sum(known, start=AdapterCounts())
    return {
        "adapter_switches": total.switches,
        "adapter_loads": total.loads,
        "adapter_evictions": total.evictions,
        "adapter_hit_rate": total.hits / total.lookups if total.lookups else NOT_MEASURED,
    }


def kv_cache(iterations: Iterable[Iteration]) -> dict[str, Value]:
    """`preemptions` and `prefix_cache_hit_rate`, each where the engine has such a thing.

    The hit rate is in tokens: those of the prompts that were found computed ÷ all those of the
    prompts. What is computed anew after a preemption is neither looked up nor found.
    """
    counted = [each.kv for each in iterations if each.kv is not None]
    if not counted:
        return {}
    total = sum(counted, start=KvCounts())
    found: dict[str, Value] = {"preemptions": total.preemptions}
    if total.prompt_tokens:
        found["prefix_cache_hit_rate"] = total.cached_tokens / total.prompt_tokens
    return found


def resources(timeline: Timeline) -> dict[str, Value]:
    """Costs of the engine's processes; `load_s` and `warmup_s` are never in the measured time."""
    own = sum(each.cpu_seconds for each in timeline.iterations)
    outside = timeline.outside_cpu_seconds
    peak, outside_peak = timeline.peak_rss_bytes, timeline.outside_peak_bytes
    return {
        "load_s": timeline.load_s,
        "warmup_s": timeline.warmup_s,
        "peak_rss_bytes": NOT_MEASURED if outside_peak is None else peak + outside_peak,
        "cpu_seconds": NOT_MEASURED if outside is None else own + outside,
        "serving_cpu_seconds": NOT_MEASURED if outside is None else outside or own,
        **_of_a_client(own, outside, peak, outside_peak),
    }


def _of_a_client(
    own: float, outside: float | None, peak: int, outside_peak: int | None
) -> dict[str, Value]:
    """`client_cpu_seconds` and `client_peak_rss_bytes`, where what computes is beside them."""
    if (outside, outside_peak) == (0, 0):
        return {}
    return {"client_cpu_seconds": own, "client_peak_rss_bytes": peak}


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
