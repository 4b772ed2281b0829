"""Bring runs from disk into MLflow: `python -m pipeline.tracking.sync runs/`.

Runs of several places go to one after another; one that is away keeps none from the others.

Exit codes: 0 all are there; 1 MLflow is away or a run can't be read; 2 a path holds no runs.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pipeline.errors import Unreadable
from pipeline.files.documents import reading
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command
from pipeline.tracking.folders import is_copy, subfolders
from pipeline.tracking.mlflow_experiment import RECEIPT
from pipeline.tracking.mlflow_projector import MlflowProjector
from pipeline.tracking.mlflow_view import MlflowSettings, MlflowTracker
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.sweep_directory import SweepDirectory, is_run, is_sweep
from pipeline.tracking.tracker import RunUnreadable, TrackingUnavailable

ELSEWHERE = MlflowSettings("mlflow", "sqlite:///mlflow.db", "multi-lora", artifact_root="")
"""For runs made with `tracking=none`, whose configuration says nothing of MLflow nor its files."""

NAMED = 3
"""Directories that are named where MLflow is away; of more it is said how many."""


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
    groups = _by_place(_found(each, options.uri) for each in directories)
    return max([_bring_in(group[0].settings, group) for group in groups])


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


@dataclass(frozen=True)
class Found:
    """A run or sweep directory, with what its configuration says of MLflow.

    Attributes:
        directory: where it is.
        runs: those of a sweep that have begun, or the one.
        settings: where it goes; None where it can't or won't.
        damage: why it can't.
    """

    directory: Path
    runs: Sequence[RunDirectory]
    settings: MlflowSettings | None
    damage: str | None = None


def _found(directory: Path, uri: str | None) -> Found:
    try:
        runs = _runs(directory)
        with reading(directory):
            return Found(directory, runs, _settings(runs, uri))
    except Unreadable as error:
        return Found(directory, (), None, str(error))


def _by_place(every: Iterable[Found]) -> list[list[Found]]:
    """Those that go to the same place together, in the order of the first of each."""
    groups: list[list[Found]] = []
    for found in every:
        group = next((each for each in groups if each[0].settings == found.settings), None)
        if group is None:
            groups.append(group := [])
        group.append(found)
    return groups


def _bring_in(settings: MlflowSettings | None, group: Sequence[Found]) -> int:
    """Show those that go to the same place, over one connection, as long as it holds."""
    if settings is None:
        return max([_leave(each) for each in group])
    codes: list[int] = []
    try:
        with MlflowTracker(settings).opened() as projector:
            for each in group:
                codes.append(_show(each, projector))
    except TrackingUnavailable as error:
        print(f"{error}; {_left(group[len(codes) :])}", file=sys.stderr)
        return 1
    return max(codes)


def _left(group: Sequence[Found]) -> str:
    """Which aren't there, or not whole."""
    more = f" and {len(group) - NAMED} more" if len(group) > NAMED else ""
    return f"left out: {', '.join(str(each.directory) for each in group[:NAMED])}{more}"


def _leave(found: Found) -> int:
    if found.damage:
        print(found.damage, file=sys.stderr)
        return 1
    print(f"{found.directory}: left out, made with tracking=none; --uri brings it in")
    return 0


def _show(found: Found, projector: MlflowProjector) -> int:
    sweep = is_sweep(found.directory)
    code = 0
    try:
        (projector.project_sweep if sweep else projector.project)(found.directory)
    except RunUnreadable as error:
        print(error, file=sys.stderr)
        code = 1
    _tell(found.runs)
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
