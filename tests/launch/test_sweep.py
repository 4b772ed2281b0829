"""Jobs die; sweeps go on, say why, and finish later what is missing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipeline.compare.order import running_order
from pipeline.launch.execution import failure
from pipeline.tracking.status import State
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _migrated_database(migrated, tmp_path):
    """MLflow would take seconds to make it."""
    (tmp_path / "mlruns").mkdir()
    shutil.copy(migrated, tmp_path / "mlruns" / "mlflow.db")


def command(tmp_path, *arguments):
    here = (
        "threads=1",
        *("validity.min_utilisation=null", "fidelity.enabled=false"),
        f"paths.mlruns={tmp_path}/mlruns",
        f"hydra.sweep.dir={tmp_path}/sweep",
    )
    return [sys.executable, "-m", "pipeline", "-m", *arguments, "+experiment=smoke", *here]


def sweep(tmp_path, *arguments):
    return subprocess.run(
        command(tmp_path, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=900
    )


def states(tmp_path):
    return {
        path.parent.name: json.loads(path.read_text())
        for path in sorted((tmp_path / "sweep").glob("*/status.json"))
    }


def test_a_killed_job_is_redone_and_stands_once_in_mlflow(tmp_path, held):
    there, engine = held
    arguments = (*engine, "workload.alpha=0,1", "workload.iterations=100")
    running = subprocess.Popen(
        command(tmp_path, *arguments), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    rows = tmp_path / "sweep" / "0" / "requests.jsonl"
    until(rows.is_file, can=lambda: running.poll() is None)
    for child in psutil.Process(running.pid).children():
        if "pipeline.process.child" in " ".join(child.cmdline()):
            os.kill(child.pid, signal.SIGKILL)
    there.unlink()
    printed, _ = running.communicate(timeout=900)
    assert running.returncode == 1
    ended = states(tmp_path)
    assert (ended["0"]["state"], ended["1"]["state"]) == ("KILLED", "FINISHED")
    assert "SIGKILL" in ended["0"]["cause"]
    assert "SIGKILL" in printed
    again = sweep(tmp_path, *arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "already FINISHED" in again.stdout
    ended = states(tmp_path)
    assert [each["state"] for each in ended.values()] == ["FINISHED", "FINISHED"]
    assert ended["0"]["attempt"] == 2
    assert (tmp_path / "sweep" / "0" / "earlier" / "1" / "requests.jsonl").is_file()
    assert (tmp_path / "sweep" / "report.html").is_file()
    assert children(tmp_path) == ["FINISHED", "FINISHED"]


def children(tmp_path):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("multi-lora").experiment_id])
    return [run.info.status for run in runs if "mlflow.parentRunId" in run.data.tags]


@pytest.mark.parametrize(
    ("limit", "state"),
    [("limits.seconds=0.5", "TIMED_OUT"), ("limits.memory_gb=0.2", "OUT_OF_MEMORY")],
)
def test_a_job_over_its_limit_is_named_so_and_redone_with_a_higher_one(limit, state, tmp_path):
    key = limit.partition("=")[0]
    done = sweep(tmp_path, "workload.alpha=0", f"{limit},400")
    assert done.returncode == 1
    assert [each["state"] for each in states(tmp_path).values()] == [state, "FINISHED"]
    assert key in done.stdout
    again = sweep(tmp_path, "workload.alpha=0", f"{key}=300,400")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("already FINISHED") == 1
    assert children(tmp_path) == ["FINISHED", "FINISHED"]


def test_a_sweep_of_another_configuration_is_refused(tmp_path):
    assert sweep(tmp_path, "workload.alpha=0", "tracking=none").returncode == 0
    other = sweep(tmp_path, "workload.alpha=1", "tracking=none")
    assert other.returncode == 2
    assert "another configuration" in other.stderr


def test_the_order_is_recorded_and_the_jobs_keep_their_places(tmp_path):
    arguments = ("repeat=0,1", "workload.alpha=0,1", "shuffle=2", "tracking=none")
    done = sweep(tmp_path, *arguments, "fidelity.enabled=false")
    assert done.returncode == 0, done.stdout + done.stderr
    sheet = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert [job["path"] for job in sheet["jobs"]] == ["0", "1", "2", "3"]
    assert sheet["order"] == running_order([(0, "a"), (0, "b"), (1, "a"), (1, "b")], 2)
    assert sheet["shuffle"] == 2
    announced = re.findall(r"^\[(\d)/4\]", done.stdout, re.MULTILINE)
    assert [int(number) - 1 for number in announced] == sheet["order"]


@pytest.mark.parametrize(("limit", "state"), [("0.2", State.OUT_OF_MEMORY), ("null", State.FAILED)])
def test_a_library_that_lost_its_memory_error_ran_out_of_memory_under_a_limit(limit, state, config):
    error = SystemError("<function f at 0x1> returned NULL without setting an exception")
    assert failure(error, config(f"limits.memory_gb={limit}").limits.memory_gb).state is state
