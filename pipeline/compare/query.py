"""Runs named by a query: `mlflow:FILTER` finds them in MLflow and fetches their directories."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.places import ROOT
from pipeline.tracking.tracker import TrackingUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient

PREFIX = "mlflow:"
EXPERIMENT = "multi-lora"
SECONDS = 30
MOST = 1000
"""Runs that are fetched; a query that finds more is refused."""


def is_query(source: str) -> bool:
    """Whether `source` is a query rather than a path."""
    return source.startswith(PREFIX)


def fetch(source: str, root: Path = ROOT) -> list[Path]:
    """The run directories a query finds, copied from MLflow's artifacts.

    `mlflow:FILTER` looks in the experiment `multi-lora`, `mlflow:EXPERIMENT?FILTER` in another
    one. FILTER is MLflow's own, and may be empty. A sweep's run stands for all its jobs. The
    copies go to `runs/.cache/mlflow`, anew each time.

    Raises:
        UsageError: MLflow is away, refuses the filter, or finds no runs.
    """
    from pipeline.tracking.mlflow_store import connected

    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/mlruns/mlflow.db"
    name, given, query = source.removeprefix(PREFIX).rpartition("?")
    name = name if given else EXPERIMENT
    try:
        with connected(uri, SECONDS) as client:
            found = client.get_experiment_by_name(name)
            runs = _jobs(client, found.experiment_id, query.strip()) if found else []
            paths = [_copy(client, run, root / "runs" / ".cache" / "mlflow") for run in runs]
    except TrackingUnavailable as error:
        raise UsageError(f"{source}: {error}") from error
    if not paths:
        raise UsageError(f"{source}: no runs found in experiment {name!r} of {uri}")
    return paths


def _jobs(client: "MlflowClient", experiment: str, query: str) -> list[Any]:
    """The runs found; a parent is replaced by its children. Oldest first."""
    found = _search(client, experiment, query)
    jobs: dict[str, Any] = {}
    for run in found:
        parent = f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
        for job in _search(client, experiment, parent) or [run]:
            jobs[job.info.run_id] = job
    return sorted(jobs.values(), key=_age)


def _age(job: Any) -> tuple[int, int, str]:
    """When it started; jobs of the same second, by their number."""
    id_ = job.data.tags.get("pipeline.id", "")
    return job.info.start_time, len(id_), id_


def _search(client: "MlflowClient", experiment: str, query: str) -> list[Any]:
    found = list(client.search_runs([experiment], query, max_results=MOST + 1))
    if len(found) > MOST:
        raise UsageError(f"mlflow:{query}: finds more than {MOST} runs; narrow it")
    return found


def _copy(client: "MlflowClient", run: Any, cache: Path) -> Path:
    """A fresh copy of the run's directory, beneath its sweep's id as on the disk it came from."""
    place = cache / _safe(run.data.tags.get("pipeline.id", run.info.run_id).split("/"))
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    client.download_artifacts(run.info.run_id, "", str(place))
    return place


def _safe(parts: Iterable[str]) -> Path:
    return Path(*("".join(c if c.isalnum() or c in "-_" else "_" for c in part) for part in parts))
