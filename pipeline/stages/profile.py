"""Profile: one more replay, under a profiler, when all timing is done."""

from pathlib import Path

from pipeline.config import RunConfig
from pipeline.engines.engine import Engine
from pipeline.stages.replay import Replay
from pipeline.workload.trace import Trace


def profile(config: RunConfig, trace: Trace, engine: Engine, folder: Path) -> dict[str, str]:
    """How to open each artifact the profiler left in `folder`, by file name."""

    def replay() -> None:
        Replay(engine, trace.iterations[0], trace.max_in_flight).run(0)

    return config.profiler.profile(replay, folder)
