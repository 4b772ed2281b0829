"""What the tests of the command line share."""

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from pipeline.launch.compose import compose
from pipeline.launch.job import Job
from pipeline.places import ASSETS
from pipeline.tracking.run_directory import RunDirectory


@pytest.fixture
def composed(tmp_path, monkeypatch):
    """Composes what is typed after `python -m pipeline`, in this process; nothing is run."""

    def composed(typed: str, *more: str):
        here = (f"paths.runs={tmp_path}/runs", "tracking=none", *more)
        monkeypatch.setattr(sys, "argv", ["pipeline", *shlex.split(typed), *here])
        return compose()

    return composed


@pytest.fixture
def tiny_in():
    """Copies the embedded model, and two of its adapters, into a folder: `base`, `adapters`."""

    def tiny_in(folder):
        shutil.copytree(ASSETS / "tiny" / "base", folder / "base")
        for name in ("csv", "verse"):
            adapter = ASSETS / "tiny" / "adapters" / name
            shutil.copytree(adapter, folder / "adapters" / name)

    return tiny_in


@pytest.fixture
def jobs(config, values, tmp_path):
    """Makes the jobs of a sweep from what was typed for each."""

    def made(*typed):
        return [
            Job(
                values=values(*[each for each in overrides if each.startswith("engine=")]),
                config=config(*[each for each in overrides if each.startswith("engine=")]),
                directory=RunDirectory(tmp_path / str(number)),
                overrides=overrides,
                number=number,
                total=len(typed),
            )
            for number, overrides in enumerate(typed)
        ]

    return made


@pytest.fixture
def held(tmp_path):
    """A file, and what chooses an engine that doesn't come to an end before the file is gone."""
    there = tmp_path / "there"
    there.touch()
    chosen = ("--config-dir", str(Path(__file__).with_name("held_engine")))
    return there, (*chosen, "engine=held", f"engine.there='{there}'")
