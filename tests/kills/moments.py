"""Places in a sweep's life, as its files show them."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.errors import Unreadable
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

Moment = Callable[[], bool]

PERIOD_S = 0.005

FILES = ("status.json", "requests.jsonl", "metrics.json")
"""What a job writes, in this order."""

SOON = 2
"""Jobs that end before a kill, at most, so that others are left for the next one."""


def moments(sweep: Path, left: int) -> list[Moment]:
    """What may be waited for from now on, where so many jobs are left to run.

    A start-up, the sweep's sheet, and of each of the next jobs the status, the rows, the metrics,
    and what is set aside; then the comparison and the receipts of MLflow.
    """
    begun = time.time()
    return [
        lambda: time.time() > begun + 1,
        lambda: time.time() > begun + 3,
        _written(sweep, "sweep.json"),
        _written(sweep, "comparison.json"),
        _written(sweep, "*/mlflow.json"),
        *_of_jobs(sweep, left, (*FILES, "earlier/*/status.json")),
    ]


def job_moments(sweep: Path, left: int) -> list[Moment]:
    """Those of the next jobs alone, and at once."""
    return [lambda: True, *_of_jobs(sweep, left, FILES)]


def _of_jobs(sweep: Path, left: int, names: Sequence[str]) -> list[Moment]:
    times = range(1, min(left, SOON) + 1)
    return [_written(sweep, f"*/{name}", n) for n in times for name in names]


def _written(sweep: Path, pattern: str, times: int = 1) -> Moment:
    begun = time.time()
    return lambda: sum(_younger(path, begun) for path in sweep.glob(pattern)) >= times


def finished(sweep: Path) -> int:
    """How many jobs have finished."""
    return sum(each is State.FINISHED for each in _states(sweep))


def phase(sweep: Path, jobs: int) -> str:
    """Where the sweep is."""
    if not (sweep / "sweep.json").exists():
        return "start-up"
    running = [run for run in _runs(sweep) if _state(run) is State.RUNNING]
    if running:
        return "measure" if running[0].has("requests.jsonl") else "job's start-up"
    return "comparison, MLflow" if finished(sweep) == jobs else "between jobs"


def _younger(path: Path, begun: float) -> bool:
    try:
        return path.stat().st_ctime > begun
    except FileNotFoundError:
        return False


def _runs(sweep: Path) -> list[RunDirectory]:
    return [RunDirectory(path.parent) for path in sweep.glob("*/status.json")]


def _states(sweep: Path) -> list[State | None]:
    return [_state(run) for run in _runs(sweep)]


def _state(run: RunDirectory) -> State | None:
    try:
        return State(json.loads((run.path / "status.json").read_text())["state"])
    except (FileNotFoundError, Unreadable):
        return None  # It is set aside just now.
