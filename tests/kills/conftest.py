"""A sweep that has been run to its end, to be damaged."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.__main__ import main

SETUP = (
    *("-m", "+experiment=smoke", "engine=noop", "threads=1", "fidelity.enabled=false"),
    *("validity.min_utilisation=null", "validity.max_steal=null", "isolation=inline"),
    *("workload.iterations=3", "repeat=0,1", "workload.alpha=0,3", "tracking.experiment=kills"),
)
JOBS = 4


@pytest.fixture(scope="session")
def once(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one that nothing has happened to, and of MLflow's files."""
    folder = tmp_path_factory.mktemp("of a sweep")
    (folder / "mlruns").mkdir()
    shutil.copy(migrated, folder / "mlruns" / "mlflow.db")
    where = (f"hydra.sweep.dir='{folder}/sweep'", f"paths.mlruns='{folder}/mlruns'")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(sys, "argv", ["pipeline", *SETUP, *where, f"paths.runs='{folder}/runs'"])
        assert main() == 0
    return folder


@pytest.fixture
def sweep(once: Path, tmp_path: Path) -> Iterator[Path]:
    """Its directory; what a test does to it is undone, for its files name their places."""
    shutil.copytree(once, tmp_path / "kept")
    yield once / "sweep"
    shutil.rmtree(once)
    shutil.copytree(tmp_path / "kept", once)
