"""Which Python the virtualenv is made of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.install.interpreters import Interpreter, found

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """Makes programs that answer as Pythons do: with a version, or with an error alone."""

    def program(name, *, says="", error="", into="bin"):
        path = tmp_path / into / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho '{says}'\necho '{error}' >&2\nexit {int(bool(error))}\n")
        path.chmod(0o755)
        return path

    return program


def names(interpreters):
    return [each.path.name for each in interpreters]


def test_the_newest_that_runs(folder):
    folder("python3.12", says="3 12 1")
    folder("python3.11", says="3 11 9")
    path = str(folder("python3.13", error="pyenv: python3.13: command not found").parent)
    good, bad = found("", path)
    assert names(good) == ["python3.12", "python3.11"]
    assert bad == [f"{path}/python3.13: pyenv: python3.13: command not found"]


def test_a_shim_hides_nothing_that_stands_behind_it(folder):
    shim = folder("python3.11", error="no such version", into="shims")
    real = folder("python3.11", says="3 11 2", into="usr")
    good, _ = found("", os.pathsep.join([str(shim.parent), str(real.parent)]))
    assert [each.path for each in good] == [real]


def test_a_folder_that_may_not_be_looked_into_is_passed_over(folder, monkeypatch):
    real = folder("python3.11", says="3 11 2")
    shut = real.parent.with_name("shut")
    stat = os.stat

    def refusing(path, *given, **named):
        if str(path).startswith(str(shut)):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *given, **named)

    monkeypatch.setattr(os, "stat", refusing)
    good, bad = found("", os.pathsep.join([str(shut), str(real.parent)]))
    assert [each.path for each in good] == [real] and not bad


def test_one_without_venv_says_what_to_install(folder):
    error = "ModuleNotFoundError: No module named ensurepip"
    path = folder("python3.11", error=error)
    good, (why,) = found("", str(path.parent))
    assert not good and why.endswith("apt-get install python3.11-venv")


def test_too_old_and_too_new_are_no_use(folder):
    folder("python3", says="3 10 4")
    path = str(folder("python", says="3 14 0").parent)
    good, bad = found("", path)
    assert not good
    assert all("3.11, 3.12 or 3.13 is wanted" in each for each in bad) and len(bad) == 2


def test_one_program_of_two_names_counts_once(folder):
    path = folder("python3.12", says="3 12 0")
    path.with_name("python3").symlink_to(path)
    good, _ = found("", str(path.parent))
    assert names(good) == ["python3.12"]


def test_the_one_that_is_named(folder):
    folder("python3.13", says="3 13 0")
    path = folder("python3.11", says="3 11 9")
    for name in ("python3.11", str(path)):
        good, _ = found(name, str(path.parent))
        assert good == [Interpreter(path, (3, 11, 9))]


@pytest.fixture
def start(tmp_path):
    """Starts the set-up in an empty project, with nothing on `PATH` but this folder."""
    project = tmp_path / "a project of $HOME's"
    shutil.copytree(ROOT / "pipeline" / "install", project / "pipeline" / "install")

    def started(path, **environment):
        (path / "dirname").symlink_to("/usr/bin/dirname")
        return subprocess.run(
            ["/bin/sh", project / "pipeline" / "install" / "start"],
            env={"PATH": str(path), **environment},
            capture_output=True,
            text=True,
        )

    return started


def test_none_at_all_is_one_line(folder, start):
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
        path = folder(name, error="no").parent
    done = start(path)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "PYTHON=/path/to/python3.12" in done.stderr


def test_a_named_one_that_does_not_run_is_one_line(folder, start):
    shim = folder("python3.13", error="pyenv: python3.13: command not found")
    shim.with_name("python3").symlink_to(sys.executable)
    done = start(shim.parent, PYTHON="python3.13")
    assert done.returncode == 1
    assert done.stderr == f"PYTHON=python3.13: {shim}: pyenv: python3.13: command not found\n"
