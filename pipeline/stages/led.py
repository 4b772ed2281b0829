"""Requests served along given tokens, by the same loop as in the timed run."""

from collections.abc import Sequence

from pipeline.inference.engine import Engine
from pipeline.inference.teacher import Teacher
from pipeline.metrics.timeline import RequestRecord
from pipeline.stages.replay import Replay
from pipeline.workload.request import TraceRequest


def led(
    engine: Engine, teacher: Teacher, requests: Sequence[TraceRequest], limit: int | None
) -> list[RequestRecord] | None:
    """Serve them with the teacher behind the engine's sampler.

    Args:
        engine: between two runs.
        teacher: says what is written to the requests that it knows.
        requests: all of them, in order of arrival.
        limit: most of them in the engine at a time; None for no limit.

    Returns:
        A record a request, as they finished; None where the engine can't be led.
    """
    if not engine.teach(teacher):
        return None
    try:
        return Replay(engine, requests, limit).run(0)[1]
    finally:
        engine.teach(None)
