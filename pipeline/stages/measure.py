"""Measure: replay the trace, keep every stamp, and have it on disk after each iteration."""

from collections.abc import Callable

from pipeline.inference.engine import Engine
from pipeline.machine.peak_memory import peak_rss_bytes
from pipeline.metrics.timeline import Iteration, RequestRecord, Timeline
from pipeline.stages.replay import Replay
from pipeline.workload.run_in import RunIn
from pipeline.workload.trace import Trace

Keep = Callable[[Iteration, list[RequestRecord]], None]
"""Called after each stretch of an iteration, outside the measured time."""


def measure(
    trace: Trace,
    run_in: RunIn,
    engine: Engine,
    keep: Keep,
    load_s: float,
    warmup_s: float,
    threads: int,
) -> Timeline:
    """Replay all iterations; the run-in is told apart, and part of the timeline.

    What a warm-up has read of the prompts is forgotten, so that none is found which this run didn't
    read itself.
    """
    engine.forget_prefixes()
    iterations: list[Iteration] = []
    requests: list[RequestRecord] = []
    for index, batch in enumerate(trace.iterations):
        replay = Replay(engine, batch, trace.max_in_flight, run_in.covers)
        began = iterations[0].started if iterations else None
        for stretch, records in replay.stretches(index, began):
            keep(stretch, records)
            iterations.append(stretch)
            requests += records
    return Timeline(
        tuple(requests),
        tuple(iterations),
        load_s,
        warmup_s,
        peak_rss_bytes(),
        threads,
        engine.outside.peak_rss_bytes,
    )
