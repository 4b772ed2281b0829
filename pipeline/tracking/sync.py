"""Bring runs from disk into MLflow: `python -m pipeline.tracking.sync runs/`.

Exit codes: 0 all are there; 1 MLflow is away or a run can't be read; 2 a path holds no runs.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from pipeline.errors import Unreadable
from pipeline.files.documents import reading
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command
from pipeline.tracking.folders import is_copy, subfolders
from pipeline.tracking.mlflow_experiment import RECEIPT
from pipeline.tracking.mlflow_view import MlflowSettings, MlflowTracker
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.sweep_directory import SweepDirectory, is_run, is_sweep
from pipeline.tracking.tracker import RunUnreadable, TrackingUnavailable

ELSEWHERE = MlflowSettings("mlflow", "sqlite:///mlflow.db", "multi-lora", "artifacts")
"""For runs made with `tracking=none`, whose configuration says nothing of MLflow."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Project every run under the given paths; returns the exit code."""
    parser = Arguments(prog="python -m pipeline.tracking.sync", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="run, sweep or folder")
    parser.add_argument("--uri", help="MLflow's; else MLFLOW_TRACKING_URI, else each run's own")
    options = parser.parse_args(arguments)
    directories: list[Path] = []
    for path in options.paths:
        found = list(find(path))
        if not found:
            print(f"{path}: no run and no sweep there{_copies(path)}", file=sys.stderr)
            return 2
        directories += found
    try:
        return max([_bring_in(each, options.uri) for each in directories])
    except TrackingUnavailable as error:
        print(error, file=sys.stderr)
        return 1


def find(path: Path) -> Iterator[Path]:
    """The run and sweep directories at and under `path`; a sweep's jobs come with it.

    MLflow's copies of runs, earlier attempts, what is hidden and what links lead to are none.
    """
    if is_copy(path):
        return
    if is_sweep(path) or is_run(path):
        yield path
    elif path.is_dir():
        for entry in subfolders(path):
            if not entry.is_symlink():
                yield from find(entry)


def _copies(path: Path) -> str:
    return ": it is MLflow's copy of one" if is_copy(path) else ""


def _bring_in(directory: Path, uri: str | None) -> int:
    runs: list[RunDirectory] = []
    code = 0
    try:
        runs = _runs(directory)
        with reading(directory):
            settings = _settings(runs, uri)
        if settings is None:
            print(f"{directory}: left out, made with tracking=none; --uri brings it in")
            return 0
        tracker = MlflowTracker(settings)
        (tracker.project_sweep if is_sweep(directory) else tracker.project)(directory)
    except (RunUnreadable, Unreadable) as error:
        print(error, file=sys.stderr)
        code = 1
    _tell(runs)
    return code


def _runs(directory: Path) -> list[RunDirectory]:
    if is_sweep(directory):
        return list(SweepDirectory.read(directory).runs())
    return [RunDirectory(directory)]


def _tell(runs: Sequence[RunDirectory]) -> None:
    """Say of those that are in MLflow how they ended and how they are called there."""
    for run in runs:
        with suppress(Unreadable, KeyError):
            state, receipt = run.status().state, run.json(RECEIPT)
            print(f"{run.path}: {state}, MLflow run {receipt['run_id']}")


def _settings(runs: Sequence[RunDirectory], uri: str | None) -> MlflowSettings | None:
    """Settings from the first configuration there is, at the URI that wins."""
    own = next((found for run in runs if (found := _tracking(run))), {})
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or own.get("uri")
    if not uri:
        return None
    settings = replace(ELSEWHERE, **own)
    named = os.environ.get("MLFLOW_EXPERIMENT_NAME") or settings.experiment
    return replace(settings, experiment=named).in_environment().moved(uri)


def _tracking(run: RunDirectory) -> dict[str, Any]:
    """What the run's configuration says of MLflow; nothing where it doesn't, or is damaged."""
    known = {each.name for each in fields(MlflowSettings)}
    try:
        own = run.config().get("tracking") or {}
        return {name: value for name, value in own.items() if name in known and "uri" in own}
    except (Unreadable, AttributeError):
        return {}


if __name__ == "__main__":
    command(main)
