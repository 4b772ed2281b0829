"""Servers that are away, silent, or gone in the middle."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest

from pipeline.tracking.mlflow_view import MlflowSettings, MlflowTracker
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State
from pipeline.tracking.sync import main
from pipeline.tracking.tracker import TrackingUnavailable
from tests.waiting import until

MakeRun = Callable[..., RunDirectory]
MakeSweep = Callable[..., Path]
SettingsAt = Callable[..., MlflowSettings]
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@dataclass
class Server:
    """A real MLflow server that can be killed and started again at the same address."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        store, artifacts = f"sqlite:///{self.folder}/mlflow.db", str(self.folder / "artifacts")
        where = ["--backend-store-uri", store, "--artifacts-destination", artifacts]
        address = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        started = self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *where, *address],
            env=os.environ | QUIET,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until(self._healthy, can=lambda: started.poll() is None)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=30) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def server(migrated: Path, tmp_path: Path, port: int) -> Iterator[Server]:
    """A server that isn't running yet."""
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copy(migrated, folder / "mlflow.db")
    server = Server(folder, port)
    yield server
    server.kill()


@pytest.fixture
def hanging_uri() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_that_is_away_is_noticed_at_once(
    make_run: MakeRun, settings_at: SettingsAt, dead_uri: str
) -> None:
    run = make_run()
    with pytest.raises(TrackingUnavailable, match="refused") as caught:
        MlflowTracker(settings_at(dead_uri, run.path)).project(run.path)
    assert "\n" not in str(caught.value) and not run.has("mlflow.json")


def test_a_server_that_hangs_is_noticed_before_mlflow_would(
    make_run: MakeRun, settings_at: SettingsAt, hanging_uri: str
) -> None:
    """Left alone it waits for two minutes, seven times."""
    run = make_run()
    begun = time.monotonic()
    with pytest.raises(TrackingUnavailable, match="timed out"):
        MlflowTracker(settings_at(hanging_uri, run.path)).project(run.path)
    assert time.monotonic() - begun < 600


def test_what_a_dying_server_missed_comes_later_and_once(
    server: Server,
    make_sweep: MakeSweep,
    settings_at: SettingsAt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_at(server.uri, server.folder, timeout_s=300)
    sweep = make_sweep((State.FINISHED, State.FINISHED), tracking=asdict(settings))
    server.start()
    settings.tracker().project(sweep / "0")
    create = mlflow.MlflowClient.create_run

    def create_then_die(*arguments: Any) -> Any:
        made = create(*arguments)
        server.kill()
        return made

    with monkeypatch.context() as dying, pytest.raises(TrackingUnavailable):
        dying.setattr(mlflow.MlflowClient, "create_run", create_then_die)
        settings.tracker().project(sweep / "1")
    assert main([str(sweep)]) == 1
    server.start()
    assert main([str(sweep.parent)]) == 0
    client = mlflow.MlflowClient(tracking_uri=server.uri)
    runs = client.search_runs(["1"])
    assert sorted(run.info.status for run in runs) == ["FINISHED", "FINISHED", "RUNNING"]
    for run in (run for run in runs if "mlflow.parentRunId" in run.data.tags):
        assert run.data.metrics["output_tokens_per_s"] == 6.0
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"config.yaml", "requests.json", "profile"} <= files
