"""One process works in a directory; a dead one holds nothing, and a reader is no worker."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.tracking import lock
from pipeline.tracking.lock import LOCK, InUse, claimed, is_claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

RUNNING = Status("id", State.RUNNING, "2026-11-01T10:00:00+00:00")


def test_a_directory_is_held_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0)
    place = tmp_path / "a" / "b"
    assert not is_claimed(place)
    with claimed(place):
        assert is_claimed(place)
        said = f"{place}: process {os.getpid()} works there"
        with pytest.raises(InUse, match=said) as refused, claimed(place):
            pass
        assert "\n" not in str(refused.value)
    assert not is_claimed(place)
    with claimed(place):
        pass


def test_what_a_child_was_given_holds_on(tmp_path: Path) -> None:
    with claimed(tmp_path) as handle:
        childs = os.dup(handle)
    assert is_claimed(tmp_path)
    os.close(childs)
    assert not is_claimed(tmp_path)


def test_a_place_that_cant_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"), claimed(tmp_path / "file" / "run"):
        pass


def test_who_runs_without_a_living_process_was_killed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with claimed(tmp_path):
        run.write_status(RUNNING)
        assert run.status() == RUNNING
    status = run.status()
    assert status.state is State.KILLED and status.finished and "killed" in str(status.cause)
    run.write_status(replace(RUNNING, state=State.FINISHED))
    assert run.status().state is State.FINISHED


def test_one_that_ends_while_it_is_looked_at_was_not_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(tmp_path)
    run.write_status(RUNNING)

    def ends(path: Path) -> bool:
        run.write_status(replace(RUNNING, state=State.FINISHED))
        return False

    monkeypatch.setattr("pipeline.tracking.run_directory.is_claimed", ends)
    assert run.status().state is State.FINISHED


def test_a_directory_with_nothing_but_a_lock_is_empty(tmp_path: Path) -> None:
    with claimed(tmp_path / "run"):
        pass
    assert (tmp_path / "run" / LOCK).is_file()
