"""An engine that serves a trace and is judged by it, as a run would judge it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.run_config import RunConfig
from pipeline.inference.engine import Engine
from pipeline.metrics.findings import Findings
from pipeline.metrics.timeline import Timeline
from pipeline.stages import reference as stage
from pipeline.stages.fidelity import examine, judge
from pipeline.stages.prepare import Prepared
from pipeline.stages.reference import Reference
from pipeline.stages.replay import Replay


@dataclass(frozen=True)
class Judged:
    """An engine that is ready, and the reference's answers."""

    config: RunConfig
    prepared: Prepared
    reference: Reference
    engine: Engine

    def findings(self) -> Findings:
        """Serve the trace, and compare what was served."""
        requests = self.prepared.trace.requests
        iteration, records = Replay(self.engine, requests, None).run(0)
        timeline = Timeline(tuple(records), (iteration,))
        return examine(self.config, self.reference, self.engine, timeline, requests)

    def reasons(self) -> tuple[str, ...]:
        """Why the run is INVALID by what was served."""
        return judge(self.config, self.findings())[0]


def made_here(recipe: Any, path: Path) -> None:
    """Make a reference in this process: a spawned one would import torch again."""
    stage._write(stage.answer(recipe), path)
