"""What is said of a virtualenv that is there already."""

import pytest

from pipeline.install.interpreters import Interpreter
from pipeline.install.virtualenv import Unusable, Virtualenv


@pytest.fixture
def venv(tmp_path):
    """A virtualenv whose Python says that it is of some version."""
    venv = Virtualenv(tmp_path / "a b" / ".venv")
    venv.python.parent.mkdir(parents=True)
    venv.python.write_text("#!/bin/sh\necho 3 11 7\n")
    venv.python.chmod(0o755)
    packages = venv.folder / "lib" / "python3.11" / "site-packages"
    for name in ("pip", "pip-23.2.dist-info"):
        (packages / name).mkdir(parents=True)
    return venv


def test_none_yet(tmp_path):
    assert Virtualenv(tmp_path / ".venv").there(None) is None


def test_one_that_fits(venv):
    assert venv.there(None) == Interpreter(venv.python, (3, 11, 7))
    assert venv.there(Interpreter(venv.python, (3, 11, 2)))


def test_another_version_than_is_asked_for(venv, tmp_path):
    with pytest.raises(Unusable, match=r"is of Python 3\.11\.7 .* not of Python 3\.12\.1 .*clean"):
        venv.there(Interpreter(tmp_path / "python3.12", (3, 12, 1)))


def test_another_version_than_the_packages_are_for(venv):
    venv.python.write_text("#!/bin/sh\necho 3 10 4\n")
    with pytest.raises(Unusable, match=r"is of Python 3\.10\.4 .*3\.11, 3\.12 or 3\.13 is wanted"):
        venv.there(None)


def test_a_python_that_is_gone(venv, tmp_path):
    venv.python.unlink()
    venv.python.symlink_to(tmp_path / "gone")
    with pytest.raises(Unusable, match="moved, upgraded or removed"):
        venv.there(None)


def test_one_whose_making_was_interrupted_is_made_again(venv):
    packages = venv.folder / "lib" / "python3.11" / "site-packages"
    (packages / "pip-23.2.dist-info").rmdir()
    assert venv.there(None) is None


def test_one_without_pip(venv):
    (venv.folder / "lib" / "python3.11" / "site-packages" / "pip").rmdir()
    with pytest.raises(Unusable, match="has no pip"):
        venv.there(None)


def test_ready_until_a_requirement_changes(venv, tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("torch==2.13.0\n")
    assert not venv.ready_for([requirements])
    venv.set_ready([requirements])
    assert venv.ready_for([requirements])
    requirements.write_text("torch==2.14.0\n")
    assert not venv.ready_for([requirements])


def test_moved_with_its_project(venv, tmp_path):
    venv.set_ready([])
    moved = venv.folder.parent.rename(tmp_path / "elsewhere")
    with pytest.raises(Unusable, match=r"was made as .*a b/\.venv and moved"):
        Virtualenv(moved / ".venv").there(None)
