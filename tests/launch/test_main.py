"""A job is executed from its directory alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config.load import load
from pipeline.config.renamed import TARGETS
from pipeline.launch.__main__ import main
from pipeline.launch.job import Job, Outcome, ended
from pipeline.launch.supervisor import SILENT, STOPPED, _add, _ended_by
from pipeline.process.child import Died
from pipeline.tracking import lock
from pipeline.tracking.lock import claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

SETUP = ("+experiment=smoke", "engine=noop", "tracking=none", "fidelity.enabled=false")
OLD = {new: old for old, new in TARGETS.items() if ".peft" not in old and ".merged" not in old}


def aged(values: Any) -> Any:
    """As the program of before wrote it."""
    if isinstance(values, dict):
        return {key: aged(value) for key, value in values.items()}
    return OLD.get(values, values) if isinstance(values, str) else values


@pytest.fixture
def directory(
    values: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> RunDirectory:
    """Holds nothing but a configuration; a job inside may change the environment."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, "1")
    found = RunDirectory(tmp_path / "job")
    found.path.mkdir()
    found.write_config(yaml.safe_dump(values(*SETUP)))
    return found


def test_a_configuration_is_enough_and_what_has_finished_is_left(
    directory: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(directory.path)]) == 0
    first = directory.status()
    assert (first.state, first.attempt) == (State.FINISHED, 1)
    assert len(directory.requests()) == len(directory.asked()) > 0
    assert "tokens/s" in capsys.readouterr().out
    assert main([str(directory.path)]) == 0
    assert directory.status() == first
    assert main([str(directory.path), "--redo", "all"]) == 0
    again = directory.status()
    assert (again.id, again.attempt) == (first.id, 2)
    assert (directory.path / "earlier" / "1" / "requests.jsonl").is_file()


def test_a_configuration_of_before_is_read(
    directory: RunDirectory, values: Callable[..., dict[str, Any]]
) -> None:
    old = aged(values(*SETUP))
    assert old != values(*SETUP)
    directory.write_config(yaml.safe_dump(old))
    assert Job.stored(directory).config == load(values(*SETUP))


def test_a_job_of_a_sweep_belongs_to_it(directory: RunDirectory) -> None:
    sheet = {"id": "s", "command": "c", "started": "2026-11-01T10:00:00+00:00", "jobs": []}
    RunDirectory(directory.path.parent).write_json("sweep.json", sheet)
    assert main([str(directory.path)]) == 0
    assert directory.status().id == "s/job"


def test_what_fails_says_why_itself(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("of no use")

    monkeypatch.setattr("pipeline.launch.execution.run", fails)
    assert main([str(directory.path)]) == 1
    status = directory.status()
    assert (status.state, status.cause) == (State.FAILED, "ValueError: of no use")
    assert "Traceback" in directory.log.read_text()
    assert "ValueError: of no use" in capsys.readouterr().out


def refusal(directory: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([str(directory)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_cant_be_begun_is_one_line(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = directory.path / "nowhere"
    assert "holds no config.yaml" in refusal(nowhere, capsys)
    assert not nowhere.exists()
    monkeypatch.setattr(lock, "PATIENCE_S", 0.0)
    with claimed(directory.path):
        assert "works there" in refusal(directory.path, capsys)
    directory.write_config("engine: {_target_: pipeline.engines.noop.NoopSettings, name: noop}")
    refusal(directory.path, capsys)
    assert not directory.has("status.json")


KILLED = Outcome(State.KILLED, "stopped by SIGTERM")


@pytest.mark.parametrize(
    ("said", "outcome", "states", "state"),
    [
        (None, _ended_by(Died(-9), None), SILENT, State.KILLED),
        (None, _ended_by(Died(-6), 2.0), SILENT, State.OUT_OF_MEMORY),
        (None, _ended_by(Died(3), None), SILENT, State.FAILED),
        (KILLED, _ended_by(Died(-15), None), SILENT, State.KILLED),
        (KILLED, Outcome(State.TIMED_OUT, "late"), STOPPED, State.TIMED_OUT),
        (Outcome(State.FINISHED), Outcome(State.TIMED_OUT, "late"), STOPPED, State.FINISHED),
        (Outcome(State.FAILED, "why"), Outcome(State.KILLED, "told to"), STOPPED, State.FAILED),
    ],
)
def test_only_what_a_dead_process_cant_say_is_added(
    said: Outcome | None, outcome: Outcome, states: tuple[State, ...], state: State, tmp_path: Path
) -> None:
    running = Status("id", State.RUNNING, "2026-11-01T10:00:00+00:00")
    directory = RunDirectory(tmp_path)
    directory.write_status(ended(running, said) if said else running)
    status = _add(directory, outcome, states)
    assert status == directory.written_status()
    assert status.state is state
    if said is KILLED and states is SILENT:
        assert status.cause == "stopped by SIGTERM"
