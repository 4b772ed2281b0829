"""Runs named by a query are MLflow's copies of the run directories."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.compare.load import load
from pipeline.compare.query import fetch, is_query
from pipeline.errors import UsageError
from pipeline.tracking.mlflow_view import MlflowSettings, MlflowTracker
from pipeline.tracking.run_directory import RunDirectory


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, make_sweep: Callable[..., Path]) -> Path:
    """A project's root with a sweep in MLflow, whose own directory has gone."""
    root = tmp_path_factory.mktemp("root")
    sweep = make_sweep(root / "sweep", alphas=(1.0,), batches=(4,))
    for number in range(2):
        run = RunDirectory(sweep / str(number))
        run.write_status(replace(run.status(), id=f"s/{number}"))
    uri = f"sqlite:///{root}/mlruns/mlflow.db"
    settings = MlflowSettings("mlflow", uri, "multi-lora", str(root / "mlruns" / "artifacts"))
    MlflowTracker(settings).project_sweep(sweep)
    sweep.rename(root / "gone")
    return root


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's server."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.mark.parametrize(
    ("query", "engines"),
    [
        ("mlflow:", ["peft_hotswap", "multilora"]),
        ("mlflow:tags.engine = 'multilora'", ["multilora"]),
        ("mlflow:multi-lora?params.engine = 'peft_hotswap'", ["peft_hotswap"]),
        ("mlflow:tags.`pipeline.id` = 's'", ["peft_hotswap", "multilora"]),
    ],
)
def test_a_query_finds_jobs(root: Path, query: str, engines: list[str]) -> None:
    assert is_query(query)
    runs = load(fetch(query, root))
    assert [run.settings["engine.name"] for run in runs] == engines
    assert all(run.counts and run.trace for run in runs)
    assert RunDirectory(runs[0].path).requests()
    assert {run.sweep.name for run in runs} == {"s"}


@pytest.mark.parametrize(
    "query", ["mlflow:tags.engine = 'nobody'", "mlflow:no-such?", "mlflow:not a filter"]
)
def test_a_query_that_finds_nothing_is_refused(root: Path, query: str) -> None:
    with pytest.raises(UsageError, match=query.split("?")[0]):
        fetch(query, root)


def test_a_path_is_no_query() -> None:
    assert not is_query("runs/mlflow")
