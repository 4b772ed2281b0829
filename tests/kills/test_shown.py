"""Runs that MLflow lacks, has twice, or shows otherwise than they are on disk are seen."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from pipeline.files.documents import read_json
from pipeline.tracking.mlflow_experiment import RECEIPT
from tests.kills.shown import shown_wrongly, strangers

Damage = Callable[[MlflowClient, str, str], object]
"""Does something to a run, whose experiment is the last argument."""


def again(client: MlflowClient, run: str, experiment: str) -> None:
    known = client.get_run(run)
    client.create_run(experiment, tags={"pipeline.id": known.data.tags["pipeline.id"]})


def more_points(client: MlflowClient, run: str, name: str, value: float | None = None) -> None:
    """A metric's last value once more, as from another attempt."""
    last = client.get_run(run).data.metrics[name] if value is None else value
    step = client.get_metric_history(run, name)[-1].step
    client.log_batch(run, [Metric(name, last, round(time.time() * 1000), step)])


def less_files(client: MlflowClient, run: str, experiment: str) -> None:
    (Path(client.get_run(run).info.artifact_uri.removeprefix("file://")) / "trace.json").unlink()


FAULTS: dict[str, tuple[Damage, str]] = {
    "it is gone": (lambda client, run, _: client.delete_run(run), "MLflow shows {"),
    "it stands twice": (again, "MLflow shows {"),
    "it hasn't ended": (lambda client, run, _: client.update_run(run, "RUNNING"), "MLflow says"),
    "another's": (lambda client, run, _: client.set_tag(run, "mlflow.parentRunId", "x"), "beneath"),
    "another attempt": (lambda client, run, _: client.set_tag(run, "attempt", "7"), "'7'"),
    "a point twice": (
        lambda client, run, _: more_points(client, run, "iteration/latency_s"),
        "points for",
    ),
    "a figure twice": (
        lambda client, run, _: more_points(client, run, "output_tokens_per_s"),
        "2 points for 1",
    ),
    "another figure": (
        lambda client, run, _: more_points(client, run, "load_s", 1e9),
        "other figures",
    ),
    "a file is missing": (less_files, "['trace.json']"),
}


@pytest.fixture
def uri(sweep: Path, tmp_path: Path) -> str:
    """A database of each test's own: MLflow keeps files open."""
    shutil.copy(sweep.parent / "mlruns" / "mlflow.db", tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


def test_nothing_is_found_where_nothing_is_wrong(sweep: Path, uri: str) -> None:
    assert shown_wrongly(sweep, uri, "kills") + strangers(sweep, uri, "kills") == []
    assert "MLflow shows {}" in shown_wrongly(sweep, uri, "another")[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_found(fault: str, sweep: Path, uri: str) -> None:
    damage, said = FAULTS[fault]
    receipt = read_json(sweep / "0" / RECEIPT)
    damage(MlflowClient(uri), receipt["run_id"], receipt["experiment_id"])
    assert said in "\n".join(shown_wrongly(sweep, uri, "kills"))


def test_runs_of_another_sweep_in_its_experiment_are_found(sweep: Path, uri: str) -> None:
    experiment = read_json(sweep / "0" / RECEIPT)["experiment_id"]
    MlflowClient(uri).create_run(experiment, tags={"pipeline.id": "of another/0"})
    assert "of another/0" in strangers(sweep, uri, "kills")[0]
