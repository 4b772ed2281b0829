"""Projection on a real SQLite MLflow."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from pipeline.files.documents import read_json
from pipeline.tracking import mlflow_store
from pipeline.tracking.lock import claimed
from pipeline.tracking.mlflow_view import MlflowSettings
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status
from pipeline.tracking.sync import main
from pipeline.tracking.tracker import TrackingUnavailable

MakeRun = Callable[..., RunDirectory]
MakeSweep = Callable[..., Path]
SettingsAt = Callable[..., MlflowSettings]


def client_of(settings: MlflowSettings) -> Any:
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
    tables = json.loads(shown.data.tags["mlflow.loggedArtifacts"])
    assert [each["path"] for each in tables] == ["requests.json", "answers.json"]
    assert {each["type"] for each in tables} == {"table"}
    answers = read_json(Path(client.download_artifacts(run_id, "answers.json")))
    assert answers == {"columns": ["adapter", "prompt", "answer"], "data": [["a", "", "abc"]]}


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


STEPS = (
    *("create_run", "log_batch", "log_inputs", "log_artifact"),
    *("log_dict", "set_tag", "set_terminated"),
)


@pytest.mark.parametrize(
    ("step", "before"),
    [*((step, None) for step in STEPS), ("update_run", State.FAILED)],
)
def test_what_is_killed_inside_is_completed_and_not_doubled(
    settings: MlflowSettings,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    before: State | None,
) -> None:
    """The process is gone as soon as MLflow has taken that step, of a run that was shown before."""
    if before:
        failed = make_run(state=before, cause="it broke")
        settings.tracker().project(failed.path)
        (failed.path / "mlflow.json").unlink()
    real = getattr(MlflowClient, step)

    def taken(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        raise KeyboardInterrupt

    run = make_run()
    with monkeypatch.context() as dying:
        dying.setattr(MlflowClient, step, taken)
        with pytest.raises(KeyboardInterrupt):
            settings.tracker().project(run.path)
    assert not run.has("mlflow.json")
    assert main([str(run.path), "--uri", settings.uri]) == 0
    [shown] = all_runs(settings)
    client, run_id = client_of(settings), shown.info.run_id
    assert shown.info.status == "FINISHED" and shown.data.metrics["output_tokens_per_s"] == 6.0
    assert len(client.get_metric_history(run_id, "iteration/latency_s")) == 2
    assert len(shown.inputs.dataset_inputs) == 1
    assert {"config.yaml", "requests.json", "answers.json"} <= paths(settings, run_id)


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


def test_figures_of_an_attempt_dont_stay_among_those_of_the_next(
    settings: MlflowSettings, make_run: MakeRun
) -> None:
    """The second couldn't measure one of them, the third broke; each is no number then."""
    run = make_run()
    run.write_json("metrics.json", {"output_tokens_per_s": 8.0, "steal_share": 0.7})
    settings.tracker().project(run.path)
    run.write_json("metrics.json", {"output_tokens_per_s": 6.0, "steal_share": "n too small"})
    shown = _attempted(settings, run, 2, State.FINISHED)
    assert shown.data.metrics["output_tokens_per_s"] == 6.0
    assert isnan(shown.data.metrics["steal_share"])
    shown = _attempted(settings, run, 3, State.FAILED)
    assert shown.info.status == "FAILED" and len(shown.data.metrics) == 4
    assert all(map(isnan, shown.data.metrics.values()))


def _attempted(settings: MlflowSettings, run: RunDirectory, number: int, state: State) -> Any:
    """The run as it is shown while an attempt at it runs, and then when it has ended."""
    began, ended = (f"2026-11-0{number}T10:00:0{second}+00:00" for second in (0, 9))
    run.write_status(Status("id-run", State.RUNNING, began, attempt=number))
    with claimed(run.path):
        settings.tracker().project(run.path)
    assert [each.info.status for each in all_runs(settings)] == ["RUNNING"]
    run.write_status(Status("id-run", state, began, ended, attempt=number))
    settings.tracker().project(run.path)
    [shown] = all_runs(settings)
    return shown


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


def test_names_tags_and_who_made_it(
    settings: MlflowSettings, make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", '{"ticket": "x-7", "team": "of the environment"}')
    sweep = make_sweep((State.FINISHED,))
    chosen = replace(settings, run_name="my sweep", tags={"team": "serving", "year": 2026})
    chosen.tracker().project_sweep(sweep)
    runs = {run.data.tags["pipeline.id"]: run for run in all_runs(settings)}
    parent, job = runs["sweep-1"], runs["id-0"]
    assert parent.info.run_name == "my sweep"
    assert job.info.run_name.startswith("noop"), "jobs are told apart by their settings"
    for run in (parent, job):
        tags = run.data.tags
        assert (tags["team"], tags["year"], tags["ticket"]) == ("of the environment", "2026", "x-7")
        assert tags["mlflow.user"] == sweep.owner()
        assert tags["mlflow.source.git.commit"] == "c0ffee"
        assert tags["mlflow.source.name"].startswith("python -m pipeline")


def test_a_single_run_is_called_as_the_user_says(
    settings: MlflowSettings, make_run: MakeRun
) -> None:
    replace(settings, run_name="mine").tracker().project(make_run().path)
    [shown] = all_runs(settings)
    assert shown.info.run_name == "mine"


def test_the_runs_are_one_link_away(settings: MlflowSettings, make_run: MakeRun) -> None:
    run = make_run()
    tracker = settings.tracker()
    tracker.project(run.path)
    experiment = client_of(settings).get_experiment_by_name("multi-lora")
    said = tracker.close_message(run.path)
    assert f"http://127.0.0.1:5000/#/experiments/{experiment.experiment_id}/runs?" in said
    assert "python -m pipeline.tracking.ui 'tracking.uri=sqlite:///" in said, "not make ui's store"
    view = json.loads(experiment.tags["mlflow.sharedViewState.runs"])
    assert said.endswith("viewStateShareKey=runs")
    state = json.loads(view["state"])
    columns = {"params.`engine`", "params.`alpha`", "params.`batch_size`"}
    assert columns | {"metrics.`output_tokens_per_s`"} <= {*state["selectedColumns"]}
    folds = ("", "attributes.start_time")
    assert state["orderByKey"] not in folds, "sorted so, MLflow's page folds jobs into their sweep"
    shown = client_of(settings).search_runs([experiment.experiment_id], state["searchFilter"])
    assert len(shown) == 1


def test_views_come_to_experiments_of_before_and_users_keep_theirs(
    settings: MlflowSettings, make_run: MakeRun
) -> None:
    client = client_of(settings)
    key = "mlflow.sharedViewState.sweeps"
    client.create_experiment("multi-lora", tags={key: "my own"})
    settings.tracker().project(make_run().path)
    tags = client.get_experiment_by_name("multi-lora").tags
    assert tags[key] == "my own" and "mlflow.sharedViewState.runs" in tags


def test_no_experiment_is_made_whose_files_have_no_place(settings: MlflowSettings) -> None:
    with (
        pytest.raises(TrackingUnavailable, match=r"'new' yet.*MLFLOW_DEFAULT_ARTIFACT_ROOT"),
        mlflow_store.connected(settings.uri, 1) as client,
    ):
        mlflow_store.experiment_id(client, "new", None, {})
    assert client_of(settings).get_experiment_by_name("new") is None
