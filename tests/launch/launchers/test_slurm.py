"""`launcher=slurm`: what is refused, and a sweep through submitit's own executor.

The second needs submitit (`pip install submitit==1.5.3 "setuptools<81"`), which no other test does.
"""

import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config.run_config import RunConfig
from pipeline.errors import UsageError
from pipeline.launch.launchers.slurm import INSTALL, NEEDED, Slurm
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

Config = Callable[..., RunConfig]

has_submitit = all(importlib.util.find_spec(each) is not None for each in NEEDED)
needs_submitit = pytest.mark.skipif(not has_submitit, reason=f"no submitit: {INSTALL}")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


def test_without_submitit_it_says_how_it_is_installed(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"submitit==1\.5\.3"):
        Slurm(folder=str(tmp_path)).check([config("engine=noop")])


@pytest.mark.usefixtures("installed")
def test_a_job_in_this_process_cannot_be_submitted(config: Config, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="isolation=inline"):
        Slurm(folder=str(tmp_path)).check([config("engine=noop", "isolation=inline")])


@pytest.mark.usefixtures("installed")
def test_without_slurm_it_says_where_the_command_belongs(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no sbatch here"):
        Slurm(folder=str(tmp_path)).check([config("engine=noop")])


@pytest.mark.usefixtures("installed")
def test_a_folder_that_cannot_be_is_named(config: Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "folder"
    with pytest.raises(UsageError, match=rf"launcher\.folder={place}"):
        Slurm(folder=str(place), executor="local").check([config("engine=noop")])


@pytest.mark.parametrize(
    "wrong",
    [{"nodes": 0}, {"cpus": 0}, {"hours": 0}, {"executor": "pbs"}, {"options": {"a": None}}],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        Slurm(folder=str(tmp_path), **wrong)  # type: ignore[arg-type]


@needs_submitit
def test_a_sweep_of_submitted_jobs_is_as_on_one_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.__main__ import main
    from pipeline.launch import sweep

    monkeypatch.setattr(sweep, "_compare", lambda *_: None)
    place = tmp_path / "a folder"
    setup = (
        *("+experiment=smoke", "engine=noop", "repeat=0,1", "threads=1", "tracking=none"),
        *("fidelity.enabled=false", "launcher=slurm", "launcher.executor=local"),
        *("launcher.nodes=2", f"launcher.folder='{place}'"),
        *(f"paths.runs={tmp_path}/runs", f"hydra.sweep.dir={tmp_path}/sweep"),
    )
    monkeypatch.setattr(sys, "argv", ["pipeline", "-m", *setup])
    assert main() == 0
    sheet = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    runs = [RunDirectory(tmp_path / "sweep" / each["path"]) for each in sheet["jobs"]]
    assert Counter(run.status().state for run in runs) == {State.FINISHED: 2}
    assert all("launcher" not in run.config() for run in runs)
    assert not [*place.iterdir()], "nothing is left of what was sent"
    assert main() == 0
    assert {run.status().attempt for run in runs} == {1}, "what has finished isn't run again"
