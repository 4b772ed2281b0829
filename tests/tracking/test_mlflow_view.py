"""Projection on a real SQLite MLflow."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.files import read_json
from pipeline.tracking.mlflow_view import MlflowSettings
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status
from pipeline.tracking.tracker import TrackingUnavailable

MakeRun = Callable[..., RunDirectory]
MakeSweep = Callable[..., Path]
SettingsAt = Callable[..., MlflowSettings]


def client_of(settings: MlflowSettings) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=settings.uri)


def all_runs(settings: MlflowSettings) -> list[Any]:
    client = client_of(settings)
    experiment = client.get_experiment_by_name(settings.experiment)
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


def paths(settings: MlflowSettings, run_id: str, folder: str | None = None) -> set[str]:
    return {file.path for file in client_of(settings).list_artifacts(run_id, folder)}


def shown_table(settings: MlflowSettings, run_id: str) -> Any:
    return read_json(Path(client_of(settings).download_artifacts(run_id, "requests.json")))


def test_everything_of_a_run_is_shown(settings: MlflowSettings, make_run: MakeRun) -> None:
    run = make_run()
    settings.tracker().project(run.path)
    receipt = read_json(run.path / "mlflow.json")
    assert receipt["tracking_uri"] == settings.uri
    client, run_id = client_of(settings), receipt["run_id"]
    shown = client.get_run(run_id)
    assert (shown.info.status, shown.info.end_time - shown.info.start_time) == ("FINISHED", 60_000)
    assert shown.info.run_name == "noop · \N{GREEK SMALL LETTER ALPHA} 1.0 · b 2 · r 0"
    assert shown.data.params["alpha"] == "1.0" and shown.data.tags["pipeline.id"] == "id-run"
    assert shown.data.metrics["output_tokens_per_s"] == 6.0
    assert [m.step for m in client.get_metric_history(run_id, "iteration/latency_s")] == [0, 1]
    assert {"config.yaml", "log.txt", "requests.jsonl", "requests.json"} <= paths(settings, run_id)
    assert paths(settings, run_id, "profile") == {"profile/stages.txt"}
    assert Path(shown.info.artifact_uri).is_relative_to(settings.artifact_root)
    assert len(shown_table(settings, run_id)["data"]) == 4
    assert '"type": "table"' in shown.data.tags["mlflow.loggedArtifacts"]


def test_twice_is_once(
    settings: MlflowSettings, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)
    run = make_run()
    for _ in range(2):
        settings.tracker().project(run.path)
    [shown] = all_runs(settings)
    client = client_of(settings)
    assert len(client.get_metric_history(shown.info.run_id, "iteration/latency_s")) == 2
    assert len(shown_table(settings, shown.info.run_id)["data"]) == 4


@pytest.mark.parametrize("step", ["log_batch", "log_artifact", "set_terminated"])
def test_what_was_left_half_done_is_completed(
    settings: MlflowSettings, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise ConnectionResetError("gone\nand more")

    run = make_run()
    with monkeypatch.context() as broken:
        broken.setattr(f"mlflow.MlflowClient.{step}", gone)
        with pytest.raises(TrackingUnavailable, match=r"^MLflow at sqlite:///.*: gone$"):
            settings.tracker().project(run.path)
    assert not run.has("mlflow.json")
    assert [each.info.status for each in all_runs(settings)] == ["RUNNING"]
    settings.tracker().project(run.path)
    [shown] = all_runs(settings)
    assert shown.info.status == "FINISHED" and shown.data.metrics["output_tokens_per_s"] == 6.0


def test_a_redone_job_stays_one_run(settings: MlflowSettings, make_run: MakeRun) -> None:
    run = make_run(state=State.FAILED, cause="no memory")
    settings.tracker().project(run.path)
    [shown] = all_runs(settings)
    assert (shown.info.status, shown.data.tags["cause"]) == ("FAILED", "no memory")
    run = make_run(repeat=7)
    stamps = ("2026-11-02T10:00:00+00:00", "2026-11-02T10:00:09+00:00")
    run.write_status(Status("id-run", State.FINISHED, *stamps, attempt=2))
    settings.tracker().project(run.path)
    [shown] = all_runs(settings)
    assert shown.info.status == "FINISHED" and shown.data.tags["attempt"] == "2"
    assert "cause" not in shown.data.tags and "validity" not in shown.data.tags
    assert shown.data.params["repeat"] == "0" and shown.data.tags["changed.repeat"] == "7"
    assert shown.data.metrics["output_tokens_per_s"] == 6.0


def test_many_metrics_and_long_values(settings: MlflowSettings, make_run: MakeRun) -> None:
    run = make_run(state=State.FINISHED, cause="x" * 9000, engine="e" * 9000)
    run.write_json("metrics.json", {f"stage_seconds/{k}": k for k in range(2100)})
    for _ in range(2):
        settings.tracker().project(run.path)
    [shown] = all_runs(settings)
    assert len(shown.data.metrics) == 2102
    assert not [tag for tag in shown.data.tags if tag.startswith("changed.")]
    assert len(shown.data.tags["cause"]) == 5000


def test_a_sweep_is_a_parent_with_a_child_a_job(
    settings: MlflowSettings, make_sweep: MakeSweep
) -> None:
    sweep = make_sweep((State.FINISHED, State.OUT_OF_MEMORY))
    settings.tracker().project(sweep / "1")
    for _ in range(2):
        settings.tracker().project_sweep(sweep)
    parent_id = read_json(sweep / "mlflow.json")["run_id"]
    children = [run for run in all_runs(settings) if run.info.run_id != parent_id]
    assert len(children) == 2
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent_id}
    assert {run.data.tags["state"] for run in children} == {"FINISHED", "OUT_OF_MEMORY"}
    parent = client_of(settings).get_run(parent_id)
    assert parent.info.run_name == "sweep · alpha" and parent.info.status == "RUNNING"
    assert paths(settings, parent_id) == {"report.html", "sweep.json"}


def test_processes_at_the_same_time_make_one_run(
    settings: MlflowSettings, make_sweep: MakeSweep
) -> None:
    sweep = make_sweep((State.FINISHED, State.FINISHED))
    command = [sys.executable, "-m", "pipeline.tracking.sync", "--uri", settings.uri, str(sweep)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert len(all_runs(settings)) == 3
