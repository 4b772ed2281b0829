"""A job that is sent, carried out elsewhere and brought back, with no cluster in between."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.load import load
from pipeline.launch.attempt import begin
from pipeline.launch.job import Job
from pipeline.launch.parcel import unpack
from pipeline.launch.remote import carried_out
from pipeline.launch.remote_order import order_of
from pipeline.tracking.lock import claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

Values = Callable[..., dict[str, Any]]


@pytest.fixture
def job(tmp_path: Path, values: Values) -> Job:
    made = values("+experiment=smoke", "engine=noop", "tracking=none", "fidelity.enabled=false")
    return Job(made, load(made), RunDirectory(tmp_path / "sweep" / "0"), ())


def test_a_job_comes_back_whole(job: Job) -> None:
    with claimed(job.directory.path):
        status = begin(job, "sweep/0")
        configuration = (job.directory.path / "config.yaml").read_text()
        parcel = carried_out(order_of(job, status, cpus=None))
        assert job.directory.status().state is State.RUNNING
        unpack(parcel, job.directory.path)
    ended = job.directory.status()
    assert (ended.state, ended.id, ended.attempt) == (State.FINISHED, "sweep/0", 1)
    assert (job.directory.path / "config.yaml").read_text() == configuration
    assert len(job.directory.requests()) == 4
    assert job.directory.json("environment.json")["hostname"]


class PlainUnpickler(pickle.Unpickler):
    """Reads nothing that a module would have to be imported for."""

    def find_class(self, module: str, name: str) -> Any:
        raise AssertionError(f"{module}.{name} is in it")


def test_an_order_is_read_before_there_is_a_program(job: Job) -> None:
    """Else whatever is called so there is imported, before the sender's own is looked for."""
    order = order_of(job, begin(job, "sweep/0"), cpus=(0, 1))
    assert PlainUnpickler(BytesIO(pickle.dumps(order))).load() == order


def test_another_program_runs_nothing_and_says_so(job: Job) -> None:
    status = begin(job, "sweep/0")
    order = order_of(job, status, cpus=None) | {"code": "0" * 64}
    unpack(carried_out(order), job.directory.path)  # type: ignore[arg-type]
    ended = job.directory.status()
    assert ended.state is State.FAILED
    assert ended.cause and "another program than the sender's" in ended.cause
    assert not job.directory.has("requests.jsonl")


def test_a_configuration_that_the_node_cannot_read_is_a_failed_job(job: Job) -> None:
    status = begin(job, "sweep/0")
    values = job.values | {"no such setting": 1}
    order = order_of(replace(job, values=values), status, cpus=None)
    unpack(carried_out(order), job.directory.path)
    ended = job.directory.status()
    assert ended.state is State.FAILED and "no such setting" in (ended.cause or "")
