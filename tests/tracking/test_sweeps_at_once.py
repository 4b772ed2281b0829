"""Four sweeps at once into one PostgreSQL and one S3 store, one of them killed: all of each, once.

Skipped where PostgreSQL or SeaweedFS isn't installed: `make team` and Debian's `postgresql`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow

from pipeline.files.documents import read_json
from pipeline.tracking.mlflow_experiment import RECEIPT
from pipeline.tracking.mlflow_projector import ANSWERS, REQUESTS
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.s3_artifacts import S3Folder
from pipeline.tracking.s3_parts import sum_of
from pipeline.tracking.sweep_directory import SweepDirectory
from tests.kills.findings import doubled, unfinished
from tests.kills.shown import shown_wrongly
from tests.tracking.postgres import Postgres
from tests.tracking.seaweed import Seaweed

ROOT = Path(__file__).parents[2]
SWEEPS, JOBS = 4, 2
SETUP = (
    *("-m", "+experiment=smoke", "engine=noop", "repeat=0,1", "threads=1", "profiler=none"),
    *("fidelity.enabled=false", "validity.min_utilisation=null", "validity.max_steal=null"),
)


def test_four_sweeps_at_once_lose_and_double_nothing(
    postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    uri = postgres.database("four_sweeps")
    there = {
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": f"{seaweed.bucket('four')}/of a team",
    }
    sweeps = [tmp_path / f"sweep {number}" for number in range(SWEEPS)]
    running = [_started(each, there) for each in sweeps]
    _kill_when_one_is_shown(running[0], sweeps[0])
    running[0] = _started(sweeps[0], there)
    said = [each.communicate()[0] for each in running]
    assert [each.returncode for each in running] == [0] * SWEEPS, "\n".join(said)
    assert [fault for each in sweeps for fault in _faults(each, uri)] == []
    client = mlflow.MlflowClient(uri)
    found = client.get_experiment_by_name("multi-lora")
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    assert len(runs) == SWEEPS * (JOBS + 1)


def _started(sweep: Path, there: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *SETUP, f"hydra.sweep.dir='{sweep}'"],
        cwd=ROOT,
        env=os.environ | there | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _kill_when_one_is_shown(command: subprocess.Popen[str], sweep: Path) -> None:
    while command.poll() is None and not list(sweep.glob(f"*/{RECEIPT}")):
        time.sleep(0.01)
    command.kill()
    command.communicate()


def _faults(sweep: Path, uri: str) -> Iterator[str]:
    """What is wrong with a sweep on disk, in MLflow's tables and among its files."""
    yield from doubled(sweep)
    yield from unfinished(sweep, JOBS)
    yield from shown_wrongly(sweep, uri)
    client = mlflow.MlflowClient(uri)
    for run in SweepDirectory.read(sweep).runs():
        shown = client.get_run(read_json(run.path / RECEIPT)["run_id"])
        if strange := _sums(run) ^ _kept(shown.info.artifact_uri):
            yield f"{run.path}: not the same on disk and in the store: {sorted(strange)}"


def _sums(run: RunDirectory) -> set[tuple[str, str]]:
    """Its files by name and MD5, but for what says where MLflow has them."""
    files = [each for each in run.path.rglob("*") if each.is_file() and each.name[0] != "."]
    named = {each.relative_to(run.path).as_posix(): each for each in files}
    return {(name, sum_of(named[name].read_bytes())) for name in named.keys() - {RECEIPT}}


def _kept(uri: str) -> set[tuple[str, str]]:
    """What the store has of a run, but for MLflow's own tables."""
    folder = S3Folder.at(uri, timeout_s=5)
    named = {key.removeprefix(f"{folder.prefix}/"): tag for key, tag in folder.present.items()}
    return {(name, named[name]) for name in named.keys() - {REQUESTS, ANSWERS}}
