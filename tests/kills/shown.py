"""What is wrong with what MLflow shows of a sweep; a line each."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from pipeline.tracking.figures import points
from pipeline.tracking.mlflow_experiment import RECEIPT
from pipeline.tracking.mlflow_projector import ANSWERS, REQUESTS
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.sweep_directory import SweepDirectory

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "multi-lora"
"""Where runs are shown that name no other."""

WHOLE = ("iteration/latency_s", "output_tokens_per_s")
"""Of these every point is looked at: one of each iteration, and one of the run."""


def shown_wrongly(sweep: Path, uri: str, experiment: str = EXPERIMENT) -> list[str]:
    """Runs that MLflow shows twice, or not, or otherwise than they are on disk.

    Args:
        sweep: one that has been run to its end.
        uri: of MLflow.
        experiment: where the sweep is shown.
    """
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    return list(_shown_wrongly(SweepDirectory.read(sweep), client, _runs(client, experiment)))


def strangers(sweep: Path, uri: str, experiment: str) -> list[str]:
    """What stands in a sweep's own experiment and is none of its runs."""
    from mlflow import MlflowClient

    own, runs = SweepDirectory.read(sweep).id, _runs(MlflowClient(uri), experiment)
    others = [_id(run) for run in runs if not _id(run).startswith(own)]
    return [f"{sweep}: MLflow shows {others} beside it"] if others else []


def _runs(client: "MlflowClient", experiment: str) -> Sequence["Run"]:
    found = client.get_experiment_by_name(experiment)
    return client.search_runs([found.experiment_id], max_results=5000) if found else []


def _id(run: "Run") -> str:
    return str(run.data.tags.get("pipeline.id"))


def _shown_wrongly(
    sweep: SweepDirectory, client: "MlflowClient", runs: Sequence["Run"]
) -> Iterator[str]:
    shown = {_id(run): run for run in runs if _id(run).startswith(sweep.id)}
    ids = Counter(_id(run) for run in runs if _id(run) in shown)
    wanted = {sweep.id, *(run.status().id for run in sweep.runs())}
    if {*ids} != wanted or max(ids.values(), default=0) > 1:
        yield f"{sweep.path}: MLflow shows {dict(ids)} for {sorted(wanted)}"
        return
    if others := {run.info.status for run in shown.values()} - {"FINISHED"}:
        yield f"{sweep.path}: MLflow says {sorted(others)}"
    parent = shown[sweep.id].info.run_id
    for run in sweep.runs():
        found = shown[run.status().id]
        if (above := found.data.tags.get("mlflow.parentRunId")) != parent:
            yield f"{run.path}: MLflow has it beneath {above}, and its sweep is {parent}"
        yield from _otherwise(run, found, client)


def _otherwise(run: RunDirectory, shown: "Run", client: "MlflowClient") -> Iterator[str]:
    """Where MLflow's attempt, figures and files aren't those of the run directory."""
    told = {"run_id": shown.info.run_id, "attempt": shown.data.tags.get("attempt")}
    if told != {"run_id": run.json(RECEIPT)["run_id"], "attempt": str(run.status().attempt)}:
        yield f"{run.path}: MLflow shows {told}"
    measured = tuple(points(run))
    if shown.data.metrics != {each.name: each.value for each in measured}:
        yield f"{run.path}: MLflow shows other figures"
    for name in WHOLE:
        history = client.get_metric_history(shown.info.run_id, name)
        found = sorted((each.step, each.value) for each in history)
        if found != (wanted := [(each.step, each.value) for each in measured if each.name == name]):
            yield f"{run.path}: {name}: MLflow has {len(found)} points for {len(wanted)}, or others"
    kept = urlparse(str(shown.info.artifact_uri))
    if kept.scheme in ("", "file") and (odd := _files(run.path) ^ _files(Path(unquote(kept.path)))):
        yield f"{run.path}: not the same there and in MLflow: {sorted(name for name, _ in odd)}"


def _files(folder: Path) -> set[tuple[str, str]]:
    """A run's files by name and content, but for locks, receipts and MLflow's own tables."""
    named = {each.relative_to(folder).as_posix(): each for each in folder.rglob("*")}
    return {
        (name, hashlib.sha256(each.read_bytes()).hexdigest())
        for name, each in named.items()
        if each.is_file() and each.name[0] != "." and name not in (RECEIPT, REQUESTS, ANSWERS)
    }
