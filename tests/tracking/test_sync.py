"""The command that brings runs in."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.files.documents import read_json
from pipeline.tracking.mlflow_view import MlflowSettings
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State
from pipeline.tracking.sync import find, main

MakeRun = Callable[..., RunDirectory]
MakeSweep = Callable[..., Path]


def test_a_folder_of_runs_and_sweeps(
    settings: MlflowSettings,
    tmp_path: Path,
    make_run: MakeRun,
    make_sweep: MakeSweep,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = asdict(settings)
    sweep = make_sweep((State.FINISHED, State.FAILED), tracking=own)
    single = make_run(tmp_path / "runs" / "day" / "single", tracking=own)
    make_run(tmp_path / "runs" / "private")
    (tmp_path / "runs" / "latest").symlink_to(single.path)
    assert main([str(tmp_path / "runs")]) == 0
    lines = capsys.readouterr().out.splitlines()
    receipt = read_json(single.path / "mlflow.json")
    assert lines == [
        f"{single.path}: FINISHED, MLflow run {receipt['run_id']}",
        f"{sweep}/0: FINISHED, MLflow run {read_json(sweep / '0' / 'mlflow.json')['run_id']}",
        f"{sweep}/1: FAILED, MLflow run {read_json(sweep / '1' / 'mlflow.json')['run_id']}",
        f"{tmp_path}/runs/private: left out, made with tracking=none; --uri brings it in",
    ]


def test_a_run_made_untracked_comes_with_a_uri(settings: MlflowSettings, make_run: MakeRun) -> None:
    run = make_run()
    assert main([str(run.path), "--uri", settings.uri]) == 0
    assert run.has("mlflow.json")
    assert Path(settings.artifact_root).is_dir(), "artifacts are kept beside the database"


def test_the_argument_wins_over_the_environment_over_the_configuration(
    settings: MlflowSettings, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, dead_uri: str
) -> None:
    run = make_run(tracking=asdict(settings) | {"uri": dead_uri})
    assert main([str(run.path)]) == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.uri)
    assert main([str(run.path)]) == 0
    assert main([str(run.path), "--uri", dead_uri]) == 1


def test_a_path_without_runs_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        assert main([str(path)]) == 2
        assert capsys.readouterr().err == f"{path}: no run and no sweep there\n"


def test_a_server_that_is_away_is_one_line(
    make_run: MakeRun, dead_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(make_run().path), "--uri", dead_uri]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"MLflow at {dead_uri}: ") and error.count("\n") == 1


def test_a_place_that_is_away_keeps_no_run_from_the_others(
    settings: MlflowSettings,
    tmp_path: Path,
    make_run: MakeRun,
    dead_uri: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its runs lie among those of another, and after them."""
    own, away = asdict(settings), asdict(settings) | {"uri": dead_uri}
    places = {"a": away, "b": own, "c": away, "d": own, "e": away, "f": away}
    runs = {each: make_run(tmp_path / "runs" / each, tracking=own) for each, own in places.items()}
    assert main([str(tmp_path / "runs")]) == 1
    said, shown = capsys.readouterr()[::-1]
    assert said.startswith(f"MLflow at {dead_uri}: ") and said.count("\n") == 1
    named = ", ".join(str(runs[each].path) for each in "ace")
    assert said.endswith(f"; left out: {named} and 1 more\n")
    assert [line.split(":")[0] for line in shown.splitlines()] == [
        str(runs[each].path) for each in "bd"
    ]
    assert [each for each, run in runs.items() if run.has("mlflow.json")] == ["b", "d"]


def test_a_run_that_can_not_be_read_does_not_stop_the_others(
    settings: MlflowSettings, tmp_path: Path, make_run: MakeRun
) -> None:
    broken = make_run(tmp_path / "runs" / "a")
    (broken.path / "status.json").write_text("{}")
    good = make_run(tmp_path / "runs" / "b")
    assert main([str(tmp_path / "runs"), "--uri", settings.uri]) == 1
    assert good.has("mlflow.json")


def test_a_job_of_a_sweep_alone_hangs_from_the_sweep(
    settings: MlflowSettings, make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep((State.FINISHED,))
    monkeypatch.chdir(sweep / "0")
    assert main([".", "--uri", settings.uri]) == 0
    client = MlflowClient(tracking_uri=settings.uri)
    run = client.get_run(read_json(sweep / "0" / "mlflow.json")["run_id"])
    assert client.get_run(run.data.tags["mlflow.parentRunId"]).data.tags["pipeline.id"] == "sweep-1"
    assert list(find(sweep / "0")) == [sweep / "0"]
    assert list(find(sweep.parent)) == [sweep]


def test_copies_earlier_attempts_and_drafts_are_no_runs(
    settings: MlflowSettings,
    tmp_path: Path,
    make_run: MakeRun,
    make_sweep: MakeSweep,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A second `sync` of the folder that holds both runs and MLflow's files changes nothing."""
    run = make_run(tmp_path / "runs" / "one", tracking=asdict(settings))
    sweep = make_sweep((State.FINISHED,), tracking=asdict(settings))
    shutil.copytree(run.path, tmp_path / "runs" / "set aside" / "earlier" / "1")
    shutil.copytree(run.path, tmp_path / "runs" / ".draft")
    for _ in range(2):
        assert main([str(tmp_path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(":")[0] for line in lines] == [str(run.path), str(sweep / "0")]
    client = MlflowClient(tracking_uri=settings.uri)
    assert len(client.search_runs(["1"])) == 3
    receipt = read_json(run.path / "mlflow.json")
    copy = Path(settings.artifact_root) / receipt["run_id"] / "artifacts"
    assert (copy / "status.json").is_file()
    assert main([settings.artifact_root]) == 2
    assert main([str(copy)]) == 2
    assert "it is MLflow's copy" in capsys.readouterr().err


def test_damaged_files_are_named_and_the_other_jobs_come(
    settings: MlflowSettings,
    tmp_path: Path,
    make_run: MakeRun,
    make_sweep: MakeSweep,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sweep = make_sweep((State.FINISHED,) * 4, tracking=asdict(settings))
    for job, name in enumerate(("status.json", "requests.jsonl", "config.yaml")):
        (sweep / str(job) / name).write_bytes(b'{"id": \n')
    other = make_run(tmp_path / "runs" / "zz", tracking=asdict(settings))
    assert main([str(tmp_path / "runs")]) == 1
    said, shown = capsys.readouterr()[::-1]
    for job, name in enumerate(("status.json", "requests.jsonl", "config.yaml")):
        assert str(sweep / str(job) / name) in said
    assert f"{sweep}/3: FINISHED" in shown and f"{other.path}: FINISHED" in shown
    client = MlflowClient(tracking_uri=settings.uri)
    parent = client.get_run(read_json(sweep / "mlflow.json")["run_id"])
    assert "3 FINISHED, 1 UNREADABLE" in parent.data.tags["mlflow.note.content"]
    (sweep / "sweep.json").write_text("[")
    assert main([str(tmp_path / "runs")]) == 1
    said, shown = capsys.readouterr()[::-1]
    assert said.startswith(f"{sweep}/sweep.json: ") and said.count("\n") == 1
    assert f"{other.path}: FINISHED" in shown


def test_a_configuration_that_says_nonsense_of_mlflow_is_named(
    settings: MlflowSettings, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tracking=asdict(settings) | {"timeout_s": "soon"})
    assert main([str(run.path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(str(run.path)) and said.count("\n") == 1
    assert "timeout_s=soon: input should be a valid integer" in said
    assert "pydantic" not in said and "validation error" not in said
