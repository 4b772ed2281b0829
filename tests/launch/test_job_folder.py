"""Folders of jobs on a node: nobody else's while the job lives, nobody's burden afterwards."""

import os
import tempfile
from pathlib import Path

import pytest

from pipeline.launch.job_folder import FRESH_S, PREFIX, job_folder


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def left(folder: Path, name: str) -> Path:
    """A folder that a process left long ago, with something in it."""
    path = folder / name
    (path / "run").mkdir(parents=True)
    (path / "run" / "requests.jsonl").write_text("{}\n")
    os.utime(path, (1e9, 1e9))
    return path


def test_it_is_gone_when_the_job_is_done(tmp_path: Path) -> None:
    with job_folder() as folder:
        assert folder.parent == tmp_path
        (folder / "run").mkdir()
    assert not [*tmp_path.iterdir()]


def test_the_next_job_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    old = left(tmp_path, f"{PREFIX}old")
    others = left(tmp_path, "another-program")
    with job_folder():
        assert not old.exists()
    assert others.exists()


def test_one_whose_job_lives_stays_however_old(tmp_path: Path) -> None:
    with job_folder() as mine:
        os.utime(mine, (1e9, 1e9))
        with job_folder() as beside:
            assert mine.exists() and beside != mine


def test_one_that_is_just_being_made_stays(tmp_path: Path) -> None:
    fresh = tmp_path / f"{PREFIX}fresh"
    fresh.mkdir()
    with job_folder():
        assert fresh.exists()
    assert FRESH_S > 1


def test_what_is_no_folder_of_a_job_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}file").write_text("no folder")
    os.utime(tmp_path / f"{PREFIX}file", (1e9, 1e9))
    with job_folder(tmp_path):
        pass
    assert (tmp_path / f"{PREFIX}file").exists()
