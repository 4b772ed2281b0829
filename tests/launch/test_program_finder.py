"""A machine finds the sender's program wherever it has it, whatever else is called so there."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.launch import program_finder as module
from pipeline.launch.launchers.workbench import workbench
from pipeline.launch.program import package_hasher
from pipeline.places import PACKAGE

cloudpickle = pytest.importorskip("cloudpickle", reason="what sends functions whole")

ALONE, LIBRARIES = (sys.executable, "-ES", "-c"), str(Path(cloudpickle.__file__).parents[1])
"""Python that finds no program by its environment, and where the one library is that it needs."""
SAYS = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    of_program = pickle.load(file)
try:
    print(of_program("said").SAID, "; a child:", sys.path[0])
except RuntimeError as error:
    print(error)
"""

Node = Callable[..., str]


def package(folder: Path, said: str) -> Path:
    """A program of that name, which says something."""
    (folder / "pipeline").mkdir(parents=True)
    (folder / "pipeline" / "__init__.py").write_text("")
    (folder / "pipeline" / "said.py").write_text(f"SAID = {said!r}\n")
    return folder


@pytest.fixture
def sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Whose program is a small one."""
    folder = package(tmp_path / "the sender", "the sender's")
    monkeypatch.setattr(module, "PACKAGE", folder / "pipeline")
    content = package_hasher()(folder / "pipeline")
    monkeypatch.setattr(module, "code_hash", lambda: content)
    return folder


@pytest.fixture
def node(sender: Path, tmp_path: Path) -> Node:
    """What a process says that gets the sender's finder, begun in a folder; it looks in others."""
    sent = tmp_path / "sent"

    def says(began_in: Path, *looks_in: Path, gone: bool = False) -> str:
        sent.write_bytes(cloudpickle.dumps(module.program_finder()))
        if gone:
            shutil.rmtree(sender)
        paths = ["", *map(str, looks_in), LIBRARIES]
        done = subprocess.run(
            [*ALONE, f"import sys; sys.path[:0] = {paths!r}{SAYS}", str(sent)],
            cwd=began_in,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return says


def test_another_revision_in_the_folder_where_it_began_is_passed_over(
    node: Node, sender: Path, tmp_path: Path
) -> None:
    other = package(tmp_path / "other", "another's")
    assert node(other) == f"the sender's ; a child: {sender}"


def test_the_same_program_at_another_place_will_do(node: Node, tmp_path: Path) -> None:
    other = package(tmp_path / "other", "another's")
    own = package(tmp_path / "its own", "the sender's")
    assert node(other, own, gone=True) == f"the sender's ; a child: {own}"


def test_nothing_but_other_revisions_is_refused_by_name(node: Node, tmp_path: Path) -> None:
    other = package(tmp_path / "other", "another's")
    said = node(other, gone=True)
    assert said.startswith(f"{other}/pipeline")
    assert "another program than the sender's" in said and "\n" not in said


def test_no_program_at_all_is_refused(node: Node, sender: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = node(tmp_path / "empty", gone=True)
    assert "the sender's program isn't there: install the same one" in said
    assert str(sender) in said and "\n" not in said


def test_what_the_program_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "pipeline.launch.remote", None)
    with pytest.raises(RuntimeError, match="lacks what the sender's program needs"):
        workbench()().carry_out({})
    assert sys.path[0] == str(PACKAGE.parent)
