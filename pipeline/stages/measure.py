"""Measure: replay the trace, keep every stamp, and have it on disk after each iteration."""

import resource
import sys
from collections.abc import Callable

from pipeline.engines.engine import Engine
from pipeline.metrics.timeline import Iteration, RequestRecord, Timeline
from pipeline.stages.replay import Replay
from pipeline.workload.trace import Trace

Keep = Callable[[Iteration, list[RequestRecord]], None]
"""Called after each iteration, outside the measured time."""


def measure(
    trace: Trace, engine: Engine, keep: Keep, load_s: float, warmup_s: float, threads: int
) -> Timeline:
    """Replay all iterations."""
    iterations, requests = [], []
    for index, batch in enumerate(trace.iterations):
        iteration, records = Replay(engine, batch, trace.max_in_flight).run(index)
        keep(iteration, records)
        iterations.append(iteration)
        requests += records
    return Timeline(
        tuple(requests), tuple(iterations), load_s, warmup_s, _peak_rss_bytes(), threads
    )


def _peak_rss_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
