"""Warm up: every adapter and every shape once, so that measuring meets nothing new."""

from dataclasses import replace
from time import perf_counter

from pipeline.config.run_config import RunConfig
from pipeline.inference.engine import Engine
from pipeline.stages.replay import Replay
from pipeline.workload.request import TraceRequest
from pipeline.workload.trace import Trace

OPENING = 32
"""Requests of an open run that warm the engine up."""


def warmup(config: RunConfig, trace: Trace, engine: Engine) -> float:
    """Serve each adapter's longest prompt, then the first iteration as often as asked.

    Where requests come by the clock, only the first of them are served, at once: nothing would be
    gained by waiting for them.

    Returns:
        The seconds it took; 0 when `workload.warmup_iterations` is 0, and then nothing is served.
    """
    started = perf_counter()
    if not config.workload.warmup_iterations:
        return 0.0
    Replay(engine, _one_of_each(trace), trace.max_in_flight).run(0)
    first = [each.capped(config.workload.warmup_tokens) for each in _opening(trace)]
    for _ in range(config.workload.warmup_iterations):
        Replay(engine, first, trace.max_in_flight).run(0)
    return perf_counter() - started


def _opening(trace: Trace) -> list[TraceRequest]:
    first = trace.iterations[0]
    timed = any(request.scheduled_s for request in first)
    return [replace(each, scheduled_s=0.0) for each in first[: OPENING if timed else None]]


def _one_of_each(trace: Trace) -> list[TraceRequest]:
    longest: dict[str | None, TraceRequest] = {}
    for request in trace.requests:
        known = longest.get(request.adapter)
        if known is None or len(request.prompt_ids) > len(known.prompt_ids):
            longest[request.adapter] = request
    return [replace(each.capped(2), scheduled_s=0.0) for each in longest.values()]
