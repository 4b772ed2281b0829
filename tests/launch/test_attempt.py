"""What an attempt leaves is set aside whole, wherever a kill comes between; nothing is doubled."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import Unreadable
from pipeline.launch.attempt import STAYS, begin, finished, identity
from pipeline.launch.job import Job, Outcome, ended
from pipeline.tracking.lock import LOCK, claimed
from pipeline.tracking.mlflow_experiment import RECEIPT
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

ROWS = ("requests.jsonl", "iterations.jsonl", "log.txt", "trace.jsonl")


class Killed(BaseException):
    """In place of the signal."""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job({"engine": "a"}, None, RunDirectory(tmp_path / "run"), ())  # type: ignore[arg-type]


def measure(job: Job) -> None:
    """What an attempt leaves that is killed while it measures."""
    with claimed(job.directory.path):
        status = begin(job, "id")
        for name in ROWS:
            with (job.directory.path / name).open("a") as file:
                file.write(f'"attempt {status.attempt}"\n')
        (job.directory.path / "profile").mkdir()
        (job.directory.path / "profile" / "spans.txt").write_text(str(status.attempt))


def check(job: Job, attempts: int) -> None:
    """Every attempt's rows stand once, in its own folder, and its status says what became of it."""
    earlier = job.directory.path / "earlier"
    places = [earlier / str(n) for n in range(1, attempts)] + [job.directory.path]
    assert sorted(path.name for path in earlier.iterdir()) == sorted(
        path.name for path in places[:-1]
    )
    for number, place in enumerate(places, start=1):
        for name in ROWS:
            assert (place / name).read_text() == f'"attempt {number}"\n'
        assert (place / "profile" / "spans.txt").read_text() == str(number)
        status = json.loads((place / "status.json").read_text())
        assert status["attempt"] == number
        assert status["state"] == ("RUNNING" if place == places[-1] else "KILLED")


@pytest.mark.parametrize("renames", range(12))
def test_a_kill_between_two_renames_doubles_nothing(
    renames: int, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was renamed until then: files into `earlier/`, drafts into their places."""
    measure(job)
    real: Callable[[Path, Path], Path] = Path.replace
    left = iter(range(renames))

    def replace(self: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise Killed
        return real(self, target)

    with monkeypatch.context() as dying:
        dying.setattr(Path, "replace", replace)
        try:
            measure(job)
        except Killed:
            measured = 1
        else:
            measured = 2
    monkeypatch.undo()
    measure(job)
    check(job, measured + 1)


def test_what_stands_there_without_a_status_is_set_aside_too(job: Job) -> None:
    """As a kill between the renames of an earlier version left it."""
    measure(job)
    (job.directory.path / "earlier" / "1").mkdir(parents=True)
    (job.directory.path / "status.json").replace(
        job.directory.path / "earlier" / "1" / "status.json"
    )
    measure(job)
    assert job.directory.status().attempt == 3
    for name in ROWS:
        assert (job.directory.path / name).read_text() == '"attempt 3"\n'
        assert (job.directory.path / "earlier" / "2" / name).read_text() == '"attempt 1"\n'


@pytest.mark.parametrize("begun", [False, True])
def test_drafts_of_a_killed_process_do_not_stay(begun: bool, job: Job) -> None:
    """Before the first status, too; a receipt may be written by another process just now."""
    if begun:
        measure(job)
    drafts = [job.directory.path / f".{name}.draft" for name in ("config.yaml", "status.json")]
    receipt = job.directory.path / f".{RECEIPT}.draft"
    job.directory.path.mkdir(exist_ok=True)
    for each in (*drafts, receipt):
        each.write_text("")
    (job.directory.path / ".arriving-x").mkdir()
    (job.directory.path / ".arriving-x" / "metrics.json").write_text("{}")
    measure(job)
    hidden = {each.name for each in job.directory.path.rglob(".*")}
    assert hidden == {LOCK, receipt.name}
    assert job.directory.status().attempt == (2 if begun else 1)


def test_a_damaged_attempt_is_kept_too(job: Job) -> None:
    measure(job)
    (job.directory.path / "status.json").write_text("{")
    with pytest.raises(Unreadable):
        finished(job.directory)
    measure(job)
    assert job.directory.status().attempt == 2
    assert (job.directory.path / "earlier" / "1" / "status.json").read_text() == "{"


def test_a_job_keeps_its_id(job: Job) -> None:
    assert identity(job.directory) is None
    measure(job)
    assert identity(job.directory) == "id"
    (job.directory.path / "earlier" / "1").mkdir(parents=True)
    (job.directory.path / "status.json").rename(job.directory.path / "earlier/1/status.json")
    assert identity(job.directory) == "id"


@pytest.mark.parametrize(
    ("outcome", "done"),
    [
        (Outcome(State.FINISHED), {"unfinished", "invalid"}),
        (Outcome(State.FINISHED, reasons=("late",)), {"unfinished"}),
        (Outcome(State.FAILED, "why"), set()),
        (Outcome(State.KILLED, "why"), set()),
    ],
)
def test_what_has_finished_is_redone_when_asked_for(
    outcome: Outcome, done: set[str], job: Job
) -> None:
    status: Status = begin(job, "id")
    job.directory.write_status(ended(status, outcome))
    redos = ("unfinished", "invalid", "all")
    assert {redo for redo in redos if finished(job.directory, redo)} == done


def test_without_its_configuration_nothing_has_finished(job: Job) -> None:
    job.directory.write_status(ended(begin(job, "id"), Outcome(State.FINISHED)))
    (job.directory.path / "config.yaml").unlink()
    assert not finished(job.directory)
    assert "mlflow.json" in STAYS
