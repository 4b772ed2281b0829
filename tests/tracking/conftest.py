"""Run directories made by hand, and places to project them on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.files.documents import write_json
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.machine.free_port import free_port
from pipeline.metrics.timeline import Iteration, RequestRecord
from pipeline.tracking.mlflow_view import MlflowSettings
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status
from tests.tracking.postgres import postgres
from tests.tracking.seaweed import _seaweed, seaweed

__all__ = ["_seaweed", "postgres", "seaweed"]

MakeRun = Callable[..., RunDirectory]
MakeSweep = Callable[..., Path]
SettingsAt = Callable[..., MlflowSettings]


@pytest.fixture(autouse=True)
def _no_tracking_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_DEFAULT_ARTIFACT_ROOT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings(migrated: Path, tmp_path: Path, settings_at: SettingsAt) -> MlflowSettings:
    """Settings of a fresh SQLite store of this test's own."""
    folder = tmp_path / "ml runs"
    folder.mkdir()
    shutil.copy(migrated, folder / "mlflow.db")
    return settings_at(f"sqlite:///{folder}/mlflow.db", folder)


@pytest.fixture
def settings_at() -> SettingsAt:
    """Settings of the store at a URI."""

    def make(uri: str, folder: Path, timeout_s: int = 1) -> MlflowSettings:
        return MlflowSettings("mlflow", uri, "multi-lora", str(folder / "artifacts"), timeout_s)

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes a run directory as a job leaves it."""

    def make(
        path: Path | None = None,
        state: State = State.FINISHED,
        cause: str | None = None,
        tracking: dict[str, Any] | None = None,
        **values: Any,
    ) -> RunDirectory:
        run = RunDirectory(path or tmp_path / "run")
        run.path.mkdir(parents=True, exist_ok=True)
        config = config_of(**values) | {"tracking": tracking or {"name": "none"}}
        run.write_config(yaml.safe_dump(config))
        run.log.write_text("a log\n")
        run.write_json("environment.json", {"git": {"commit": "c0ffee", "dirty": False}})
        if state is State.FINISHED:
            measured(run)
        end = None if state is State.RUNNING else "2026-11-01T10:01:00+00:00"
        started = "2026-11-01T10:00:00+00:00"
        run.write_status(Status(f"id-{run.path.name}", state, started, end, cause, "VALID"))
        return run

    return make


def config_of(engine: str = "noop", alpha: float = 1.0, repeat: int = 0) -> dict[str, Any]:
    laws = {
        "popularity": {"name": "zipf", "alpha": alpha},
        "arrivals": {"name": "batch", "batch_size": 2},
        "lengths": {"name": "fixed", "max_new_tokens": 3},
    }
    names = {"engine": {"name": engine}, "model": {"name": "tiny"}, "adapters": {"name": "trained"}}
    workload = {**laws, "alpha": alpha, "batch_size": 2, "max_new_tokens": 3}
    return {**names, "workload": workload, "threads": 2, "repeat": repeat}


def measured(run: RunDirectory) -> None:
    run.write_json("trace.json", {"sha256": "ab" * 32, "requests": 4})
    metrics = {"output_tokens_per_s": 6.0, "ttft_s/p99": "n too small", "adapters/a@b%/ttft_s": 1}
    run.write_json("metrics.json", metrics)
    run.profile.mkdir()
    (run.profile / "stages.txt").write_text("decode 1\n")
    for index in range(2):
        zero = float(index)
        rows = [request(2 * index + k, index, zero) for k in range(2)]
        run.append(Iteration(index, zero, zero + 1.0, {}, AdapterCounts(), 1.0), rows)


def request(identity: int, iteration: int, zero: float) -> RequestRecord:
    stamps = (zero + 0.25, zero + 0.5, zero + 0.75)
    return RequestRecord(
        identity, iteration, "a", 5, zero, zero, 0.0, zero, stamps, zero + 0.75, (1, 2, 3), "abc"
    )


@pytest.fixture
def make_sweep(tmp_path: Path, make_run: MakeRun) -> MakeSweep:
    """Makes a sweep over alpha: a job of each state, and one that has not begun."""

    def make(states: tuple[State, ...], tracking: dict[str, Any] | None = None) -> Path:
        sweep = tmp_path / "runs" / "sweep"
        jobs = []
        for number, state in enumerate(states):
            cause = None if state is State.FINISHED else "it broke"
            run = make_run(sweep / str(number), state, cause, tracking, alpha=float(number))
            overrides = ["engine=noop", f"workload.alpha={number}"]
            jobs.append({"path": str(number), "id": run.status().id, "overrides": overrides})
        jobs.append({"path": "later", "id": "id-later", "overrides": ["workload.alpha=9"]})
        sheet = {"id": "sweep-1", "command": "python -m pipeline -m x", "jobs": jobs}
        write_json(sweep / "sweep.json", sheet | {"started": "2026-11-01T09:59:00+00:00"})
        (sweep / "report.html").write_text("<p>report")
        return sweep

    return make


@pytest.fixture
def port() -> int:
    """One at which nothing listens."""
    return free_port()


@pytest.fixture
def dead_uri(port: int) -> str:
    """An address at which nothing listens."""
    return f"http://127.0.0.1:{port}"
