"""Places in a sweep's life, as its files show them."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import Unreadable
from pipeline.launch.job_folder import PREFIX
from pipeline.launch.parcel import ARRIVING
from pipeline.tracking.lock import is_claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

Moment = Callable[[], bool]

PERIOD_S = 0.005

FILES = ("status.json", "requests.jsonl", "metrics.json")
"""What a job writes, in this order."""

STAGES = ("job's start-up", "measure", "job's end")
"""Where a job is that has written so many of them."""

LATE_S = 30.0
"""After which nobody waits any more for a moment that may never come."""

SOON = 2
"""Jobs that end before a kill, at most, so that others are left for the next one."""


@dataclass(frozen=True)
class Scene:
    """Where a sweep's files are.

    Attributes:
        sweep: its directory.
        away: below which its jobs run until they come back as parcels; None where they run in the
            sweep's directory itself.
    """

    sweep: Path
    away: Path | None = None

    def moments(self, left: int) -> list[Moment]:
        """What may be waited for from now on, where so many jobs are left to run.

        A start-up, the sweep's sheet, and of each of the next jobs the status, the rows, the
        metrics, and what is set aside; then the comparison and the receipts of MLflow.
        """
        begun = time.time()
        return [
            lambda: time.time() > begun + 1,
            lambda: time.time() > begun + 3,
            _written(self.sweep, "sweep.json"),
            _written(self.sweep, "comparison.json"),
            _written(self.sweep, "*/mlflow.json"),
            _written(self.sweep, "*/earlier/*/status.json"),
            *self.job_moments(left),
        ]

    def job_moments(self, left: int) -> list[Moment]:
        """Those of the next jobs alone, and at once."""
        times = range(1, min(left, SOON) + 1)
        folder, runs = self._runs
        written = [_written(folder, f"{runs}/{name}", n) for n in times for name in FILES]
        coming = (f"*/{ARRIVING}*", "*/metrics.json") if self.away else ()
        return [lambda: True, *written, *(_written(self.sweep, each) for each in coming)]

    def last_moments(self) -> list[Moment]:
        """Those after all jobs: the comparison, and the first receipts of MLflow."""
        receipts = [_written(self.sweep, "*/mlflow.json", times) for times in (1, 3, 9)]
        return [_written(self.sweep, "comparison.json"), *receipts]

    def finished(self) -> int:
        """How many jobs have finished."""
        return sum(_state(run) is State.FINISHED for run in _runs(self.sweep, "*"))

    def phase(self, jobs: int, begun: float) -> str:
        """Where the sweep is, and of the jobs that run the one that is furthest.

        Args:
            jobs: how many there are.
            begun: when the command began, in seconds since 1970; what is older tells nothing of it.
        """
        if not _younger(self.sweep / "sweep.json", begun):
            return "start-up"
        if any(is_claimed(arriving.parent) for arriving in self.sweep.glob(f"*/{ARRIVING}*")):
            return "coming back"
        if stages := [_stage(run) for run in _runs(*self._runs) if _is_running(run)]:
            return STAGES[max(stages)]
        if any(_state(run) is State.RUNNING for run in _runs(self.sweep, "*")):
            return "on its way" if self.away else STAGES[0]
        if _younger(self.sweep / "comparison.json", begun):
            return "MLflow"
        return "comparison" if self.finished() == jobs else "between jobs"

    @property
    def _runs(self) -> tuple[Path, str]:
        """The folder below which run directories are in which jobs are at work, and how deep."""
        return (self.away, f"{PREFIX}*/run") if self.away else (self.sweep, "*")


def soon(moment: Moment) -> Moment:
    """That one, or when it hasn't come in time: what was waited for needn't happen again."""
    begun = time.monotonic()
    return lambda: moment() or time.monotonic() > begun + LATE_S


def _written(folder: Path, pattern: str, times: int = 1) -> Moment:
    """Whether so many of those files have been written from now on: some don't last."""
    begun, seen = time.time(), set[Path]()

    def moment() -> bool:
        seen.update(path for path in folder.glob(pattern) if _younger(path, begun))
        return len(seen) >= times

    return moment


def _younger(path: Path, begun: float) -> bool:
    try:
        return path.stat().st_ctime > begun
    except FileNotFoundError:
        return False


def _runs(folder: Path, depth: str) -> Iterator[RunDirectory]:
    return (RunDirectory(path.parent) for path in folder.glob(f"{depth}/status.json"))


def _is_running(run: RunDirectory) -> bool:
    """Whether it says so, and a process is at work there: killed ones leave folders behind."""
    try:
        return _state(run) is State.RUNNING and is_claimed(run.path)
    except FileNotFoundError:
        return False


def _stage(run: RunDirectory) -> int:
    return sum(run.has(name) for name in FILES[1:])


def _state(run: RunDirectory) -> State | None:
    try:
        return State(json.loads((run.path / "status.json").read_text())["state"])
    except (FileNotFoundError, Unreadable):
        return None  # It is set aside just now.
