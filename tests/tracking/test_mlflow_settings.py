"""Settings, and stores that won't be written."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.files.documents import read_json, write_json
from pipeline.tracking.mlflow_experiment import MlflowExperiment
from pipeline.tracking.mlflow_store import public
from pipeline.tracking.mlflow_view import MlflowSettings, MlflowTracker
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.run_projection import of_run
from pipeline.tracking.tracker import NoTracking, TrackingUnavailable

MakeRun = Callable[..., RunDirectory]
SettingsAt = Callable[..., MlflowSettings]


def test_loading_settings_does_not_import_mlflow() -> None:
    code = "import sys, pipeline.tracking.mlflow_view, pipeline.tracking.sync;"
    subprocess.run([sys.executable, "-c", code + "assert 'mlflow' not in sys.modules"], check=True)


def test_the_environment_variable_wins(
    settings: MlflowSettings,
    settings_at: SettingsAt,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    dead_uri: str,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.uri)
    run = make_run()
    tracker = settings_at(dead_uri, Path("/nowhere")).tracker()
    tracker.project(run.path)
    assert settings.uri in tracker.close_message(run.path)
    assert read_json(run.path / "mlflow.json")["tracking_uri"] == settings.uri


def test_no_secret_is_told(settings_at: SettingsAt, tmp_path: Path) -> None:
    tracker = MlflowTracker(settings_at("https://me:secret@host/x", Path()))
    write_json(tmp_path / "mlflow.json", {"experiment_id": "7"})
    said = tracker.close_message(tmp_path)
    assert said.startswith("MLflow: https://host/x/#/experiments/7/runs?")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("postgresql://me:secret@host/x", "postgresql://host/x"),
        ("postgresql://host/x?user=me&password=a:b%26c&port=7", "postgresql://host/x?port=7"),
        ("postgresql://host/x?port=7&password=secret", "postgresql://host/x?port=7&"),
        ("sqlite:////a b/mlflow.db", "sqlite:////a b/mlflow.db"),
    ],
)
def test_an_address_is_told_without_who_asks(uri: str, said: str) -> None:
    assert public(uri) == said


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}'])
def test_tags_of_the_environment_that_are_none_are_refused_at_once(
    settings_at: SettingsAt, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", text)
    with pytest.raises(ValueError, match="MLFLOW_RUN_CONTEXT isn't tags in JSON"):
        settings_at("sqlite:///x", Path())


def test_none_shows_nothing(make_run: MakeRun) -> None:
    tracker, run = NoTracking("none").tracker(), make_run()
    tracker.project(run.path)
    tracker.project_sweep(run.path)
    assert not run.has("mlflow.json") and tracker.close_message(run.path) == ""


def test_the_folder_is_made(tmp_path: Path, settings_at: SettingsAt, make_run: MakeRun) -> None:
    folder = tmp_path / "not" / "yet"
    settings_at(f"sqlite:///{folder}/mlflow.db", folder).tracker().project(make_run().path)
    assert (folder / "mlflow.db").is_file() and (folder / "artifacts").is_dir()


@pytest.mark.parametrize("harm", ["not a database", "locked", "no folder"])
def test_a_database_that_will_not_open_is_one_line(
    settings: MlflowSettings,
    settings_at: SettingsAt,
    make_run: MakeRun,
    tmp_path: Path,
    harm: str,
) -> None:
    database = tmp_path / "ml runs" / "mlflow.db"
    other = sqlite3.connect(database, isolation_level=None)
    if harm == "locked":
        other.execute("BEGIN EXCLUSIVE")
    elif harm == "not a database":
        database.write_text("something else entirely" * 100)
    else:
        (tmp_path / "file").touch()
        settings = settings_at(f"sqlite:///{tmp_path}/file/mlflow.db", tmp_path)
    with pytest.raises(TrackingUnavailable) as caught:
        settings.tracker().project(make_run().path)
    other.close()
    assert "\n" not in str(caught.value) and str(caught.value).startswith("MLflow at sqlite")


class SlowClient:
    """Takes so long to make a run that others look for it in the meantime."""

    def __init__(self) -> None:
        """No run so far."""
        self.runs: list[Any] = []

    def search_runs(self, *_: Any, **__: Any) -> list[Any]:
        return list(self.runs)

    def create_run(self, *_: Any) -> Any:
        time.sleep(0.1)
        self.runs.append("made")
        return "made"


def test_looking_for_a_run_and_making_it_is_one_step(make_run: MakeRun) -> None:
    run, client = make_run(), SlowClient()
    experiment = MlflowExperiment(cast(Any, client), "1")
    with ThreadPoolExecutor(4) as threads:
        made = threads.map(lambda _: experiment.find_or_make(of_run(run), run.path), range(4))
    assert set(made) == set(client.runs) and len(client.runs) == 1
