"""The pages are those of the store that the runs used."""

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pipeline.tracking import ui
from pipeline.tracking.mlflow_page import DEFAULT, serving
from pipeline.tracking.mlflow_view import MlflowSettings
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.ui import chosen, main

MakeRun = Callable[..., RunDirectory]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the process would have become."""
    calls: list[Any] = []

    def execve(*arguments: Any) -> None:
        calls.append(arguments)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", execve)
    return calls


def test_the_store_of_the_overrides_is_made_ready_and_served(
    settings: MlflowSettings,
    port: int,
    started: list[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(settings.artifact_root).parent
    with pytest.raises(SystemExit):
        main([f"paths.mlruns='{folder}'", "+experiment=zipf", "--port", str(port)])
    [(program, arguments, environment)] = started
    assert program == sys.executable and arguments[1:4] == ["-m", "mlflow", "server"]
    assert arguments[arguments.index("--backend-store-uri") + 1] == settings.uri
    assert arguments[arguments.index("--artifacts-destination") + 1] == settings.artifact_root
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    said = capsys.readouterr().out
    assert f"http://127.0.0.1:{port}/#/experiments/1/runs?" in said


def test_a_database_that_is_not_there_yet_is_made_first(
    tmp_path: Path, port: int, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a first run that ends at the same moment meets a whole one."""
    prepared: list[str] = []
    monkeypatch.setattr(
        "pipeline.tracking.mlflow_store.prepare", lambda uri, _: prepared.append(uri) or 1 / 0
    )
    assert main([f"tracking.uri=sqlite:///{tmp_path}/new/mlflow.db", "--port", str(port)]) == 1
    assert prepared == [f"sqlite:///{tmp_path}/new/mlflow.db"] and not started


def test_the_environment_wins_and_the_default_is_make_uis(
    settings: MlflowSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen([]).uri == DEFAULT and serving(DEFAULT) == "make ui"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.uri)
    assert asdict(chosen([])) == asdict(settings) | {"timeout_s": 5}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["tracking=none"], "choose no MLflow"),
        (["tracking=absent"], "absent"),
        (["tracking.uri="], "uri"),
        (["tracking.timeout_s=${nope}"], "tracking.timeout_s: "),
        (["engine"], "engine"),
    ],
)
def test_what_can_not_be_served_is_one_line(
    overrides: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(overrides) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind((ui.HOST, 0))
        other.listen()
        assert main(["--port", str(other.getsockname()[1])]) == 2
    assert "can't be had" in capsys.readouterr().err


def test_a_server_is_only_pointed_to(
    dead_uri: str, capsys: pytest.CaptureFixture[str], started: list[Any]
) -> None:
    assert main([f"tracking.uri={dead_uri}"]) == 1
    assert capsys.readouterr().err.startswith(f"MLflow at {dead_uri}: ") and not started


def test_a_setting_that_makes_no_sense_is_named_in_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["tracking.timeout_s=soon"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tracking.timeout_s=soon: input should be a valid integer")
    assert said.count("\n") == 1 and "pydantic" not in said
