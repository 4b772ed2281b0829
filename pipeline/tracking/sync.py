"""Bring runs from disk into MLflow: `python -m pipeline.tracking.sync runs/`.

Exit codes: 0 all are there; 1 MLflow is away or a run can't be read; 2 a path holds no runs.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.tracking.mlflow_view import MlflowSettings, MlflowTracker
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.sweep_directory import SweepDirectory, is_run, is_sweep
from pipeline.tracking.tracker import TrackingUnavailable

EXPERIMENT = "multi-lora"
"""For runs made with `tracking=none`, whose configuration names none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Project every run under the given paths; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.tracking.sync", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="run, sweep or folder")
    parser.add_argument("--uri", help="MLflow's; else MLFLOW_TRACKING_URI, else each run's own")
    options = parser.parse_args(arguments)
    directories: list[Path] = []
    for path in options.paths:
        found = list(find(path))
        if not found:
            print(f"{path}: no run and no sweep there", file=sys.stderr)
            return 2
        directories += found
    try:
        return max([_bring_in(each, options.uri) for each in directories])
    except TrackingUnavailable as error:
        print(error, file=sys.stderr)
        return 1


def find(path: Path) -> Iterator[Path]:
    """The run and sweep directories at and under `path`; a sweep's jobs come with it."""
    if is_sweep(path) or is_run(path):
        yield path
    elif path.is_dir():
        for entry in sorted(path.iterdir()):
            if not entry.is_symlink() and not entry.name.startswith("."):
                yield from find(entry)


def _bring_in(directory: Path, uri: str | None) -> int:
    sweep = is_sweep(directory)
    try:
        runs = list(SweepDirectory.read(directory).runs()) if sweep else [RunDirectory(directory)]
        settings = _settings(runs, uri)
        if settings is None:
            print(f"{directory}: left out, made with tracking=none; --uri brings it in")
            return 0
        tracker = MlflowTracker(settings)
        show = tracker.project_sweep if sweep else tracker.project
        show(directory)
    except TrackingUnavailable:
        raise
    except Exception as error:
        print(f"{directory}: can't be read: {error!r}", file=sys.stderr)
        return 1
    for run in runs:
        receipt = run.json("mlflow.json")
        print(f"{run.path}: {run.status().state}, MLflow run {receipt['run_id']}")
    return 0


def _settings(runs: Sequence[RunDirectory], uri: str | None) -> MlflowSettings | None:
    """Settings from the first configuration there is, at the URI that wins."""
    configs = (run.config() for run in runs if run.has("config.yaml"))
    own: dict[str, Any] = next(configs, {}).get("tracking") or {}
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not (uri or own.get("uri")):
        return None
    settings = MlflowSettings(
        name="mlflow",
        uri=own.get("uri") or uri or "",
        experiment=own.get("experiment", EXPERIMENT),
        artifact_root=own.get("artifact_root", ""),
        timeout_s=own.get("timeout_s", 5),
    )
    return settings.moved(uri) if uri else settings


if __name__ == "__main__":
    sys.exit(main())
