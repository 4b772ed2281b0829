"""The command `pipeline`: from another folder, completed, and installed without the checkout."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SCRIPT = "import sys; sys.argv[0] = 'pipeline'; from pipeline.console import main; main()"
"""What pip writes into the command."""


def pipeline(cwd, *arguments, source=ROOT, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(source)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def paths(shown):
    return {name: Path(place) for name, place in yaml.safe_load(shown).items()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that a wheel is unpacked into, filled as `pyproject.toml` says."""
    folder = tmp_path_factory.mktemp("site-packages")
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    trees = {name: name for name in wheel["packages"]} | wheel["force-include"]
    for source, there in trees.items():
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, folder / there, ignore=unwanted, dirs_exist_ok=True)
    return folder


def test_the_command_is_one_that_can_be_called():
    module, _, function = PROJECT["project"]["scripts"]["pipeline"].partition(":")
    assert callable(getattr(import_module(module), function))


def test_from_another_folder_runs_go_to_the_checkout(tmp_path):
    found = paths(pipeline(tmp_path, "--cfg", "job", "--resolve", "--package", "paths"))
    assert found["runs"] == ROOT / "runs" and found["mlruns"] == ROOT / "mlruns"
    assert found["assets"] == ROOT / "pipeline" / "assets"


def test_without_a_checkout_everything_is_found_and_runs_go_to_the_current_folder(
    tmp_path, installed
):
    shown = pipeline(tmp_path, "--cfg", "job", "--resolve", "--package", "paths", source=installed)
    found = paths(shown)
    assert found["runs"] == tmp_path / "runs" and found["mlruns"] == tmp_path / "mlruns"
    assert (found["assets"] / "tiny" / "base" / "config.json").is_file()
    assert list((installed / "pipeline" / "kernels" / "native").rglob("*.cpp"))


def test_choices_are_completed(tmp_path):
    line = "pipeline engine="
    shown = pipeline(
        tmp_path, "-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line))
    ).split()
    assert set(shown) == {
        f"engine={path.stem}" for path in (ROOT / "conf" / "engine").glob("*.yaml")
    }


def test_what_installs_the_completion_names_the_command(tmp_path):
    shown = pipeline(tmp_path, "-sc", "install=bash")
    assert re.search(r"complete .*-F \w+ pipeline$", shown, re.M)
