"""The state of the source that a run was made from, and the libraries."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.machine.software import git, versions

NOWHERE = {"commit": None, "dirty": None, "changes": None}


def test_git_says_commit_and_dirt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # A hook's, which would point at its own repository.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def run(*command: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.hooksPath=/dev/null"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *command], check=True)

    assert git(tmp_path) == NOWHERE
    run("init", "-q")
    run("commit", "-q", "--allow-empty", "-m", "x")
    clean = git(tmp_path)
    assert len(clean["commit"]) == 40 and clean["dirty"] is False
    assert clean["changes"] is None
    (tmp_path / "new").touch()
    dirty = git(tmp_path)
    assert dirty["dirty"] is True and dirty["commit"] == clean["commit"]
    assert dirty["changes"] == git(tmp_path)["changes"]
    run("add", "new")
    (tmp_path / "new").write_text("something else")
    assert dirty["changes"] != git(tmp_path)["changes"]
    monkeypatch.setenv("PATH", "")
    assert git(tmp_path) == NOWHERE


def test_a_library_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.machine.software.LIBRARIES", ("numpy", "no-such-library"))
    assert versions()["no-such-library"] is None
    assert versions()["numpy"]
