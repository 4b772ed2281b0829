"""Results that have come back stay as they are, whatever is killed later."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State
from pipeline.tracking.sweep_directory import SweepDirectory, is_sweep

FILES = ("status.json", "trace.jsonl", "requests.jsonl", "iterations.jsonl", "metrics.json")
"""What a result is."""


@dataclass
class Kept:
    """A sweep's jobs that had finished when it was last looked at, and what they had found.

    Attributes:
        sweep: its directory.
        known: SHA-256 of each result, by the job's folder.
    """

    sweep: Path
    known: dict[str, str] = field(default_factory=dict)

    def lost(self) -> Iterator[str]:
        """Results that are there no longer, or are others now; those that came are known next."""
        found = dict(self._found())
        for job, digest in self.known.items():
            if job not in found:
                yield f"{self.sweep / job}: had finished, and hasn't any more"
            elif found[job] != digest:
                yield f"{self.sweep / job}: had finished, and has another result now"
        self.known = found

    def _found(self) -> Iterator[tuple[str, str]]:
        runs = SweepDirectory.read(self.sweep).runs() if is_sweep(self.sweep) else ()
        for run in runs:
            if run.status().state is State.FINISHED:
                yield run.path.name, _digest(run)


def _digest(run: RunDirectory) -> str:
    whole = hashlib.sha256()
    for name in FILES:
        whole.update(hashlib.sha256((run.path / name).read_bytes()).digest())
    return whole.hexdigest()
