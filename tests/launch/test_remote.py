"""A job that is sent, carried out elsewhere and brought back, with no cluster in between."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.load import load
from pipeline.launch import remote
from pipeline.launch.attempt import begin
from pipeline.launch.job import Job
from pipeline.launch.parcel import unpack
from pipeline.launch.remote import carried_out, code_hash, here, order_of
from pipeline.places import ROOT
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


def test_another_program_runs_nothing_and_says_so(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_paths_below_the_project_are_below_that_of_the_node() -> None:
    values = {
        "paths": {"root": "/home/a/lab", "cache": "/home/a/lab/runs/.cache"},
        "model": {"path": "/data/model", "like": "/home/a/laboratory", "layers": 2},
        "prompts": ["/home/a/lab/p.txt", None],
    }
    assert here(values, "/home/a/lab") == {
        "paths": {"root": f"{ROOT}", "cache": f"{ROOT}/runs/.cache"},
        "model": {"path": "/data/model", "like": "/home/a/laboratory", "layers": 2},
        "prompts": [f"{ROOT}/p.txt", None],
    }


def test_the_program_is_known_by_names_and_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hashed() -> str:
        code_hash.cache_clear()
        return code_hash()

    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "a.py").write_text("1")
    monkeypatch.setattr(remote, "PACKAGE", tmp_path)
    first = hashed()
    (tmp_path / "__pycache__" / "a.pyc").write_text("made")
    assert hashed() == first
    (tmp_path / "a.py").write_text("2")
    second = hashed()
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, hashed()}) == 3
    code_hash.cache_clear()
