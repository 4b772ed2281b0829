"""A sweep goes on, and grows, in its directory; a strange one is refused."""

import json
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from pipeline.compare.comparison import assemble
from pipeline.config.load import load
from pipeline.errors import UsageError
from pipeline.launch import sweep
from pipeline.launch.job import Job
from pipeline.launch.resume import placed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.sweep_directory import MANIFEST

Values = Callable[..., dict[str, Any]]


def jobs(root: Path, wanted: Sequence[dict[str, Any]]) -> list[Job]:
    """Jobs in the directories that Hydra would give them."""
    return [
        Job(values, None, RunDirectory(root / str(n)), (str(values),), n, len(wanted))  # type: ignore[arg-type]
        for n, values in enumerate(wanted)
    ]


def begin(placed: Sequence[Job], root: Path) -> None:
    """What a sweep leaves of jobs that have begun."""
    for job in placed:
        job.directory.write_config(yaml.safe_dump(job.values))
    listed = [{"path": job.directory.path.name, "overrides": []} for job in placed]
    sheet = {"id": "s", "command": "c", "started": "2026-11-01T10:00:00+00:00", "jobs": listed}
    (root / MANIFEST).write_text(json.dumps(sheet))


def asked(engines: str, repeats: int) -> list[dict[str, Any]]:
    """A sweep given as `engine=… repeat=…`: the repeats vary fastest."""
    return [{"engine": engine, "repeat": repeat} for engine in engines for repeat in range(repeats)]


def names(placed: Sequence[Job]) -> list[str]:
    """The directories."""
    return [job.directory.path.name for job in placed]


def test_every_job_finds_its_run_again(tmp_path: Path) -> None:
    begin(jobs(tmp_path, asked("aba", 2)), tmp_path)
    assert names(placed(jobs(tmp_path, asked("aba", 2)), tmp_path)) == list("012345")
    assert names(placed(jobs(tmp_path, asked("a", 2)), tmp_path)) == ["0", "1"]
    assert names(placed(jobs(tmp_path, asked("b", 2)), tmp_path)) == ["2", "3"]


@pytest.mark.parametrize("new", [None, {}, {"stop": None}])
def test_a_setting_that_there_was_not_yet_is_as_good_as_null(tmp_path: Path, new: Any) -> None:
    sampling = {"seed": 0, "top_k": None}
    before = [{"engine": "a", "sampling": {"seed": 0}, "repeat": n} for n in (0, 1)]
    now = [{"engine": "a", "sampling": sampling, "metrics": new, "repeat": n} for n in (1, 0)]
    begin(jobs(tmp_path, before), tmp_path)
    assert names(placed(jobs(tmp_path, now), tmp_path)) == ["1", "0"]
    with pytest.raises(UsageError, match="another configuration"):
        placed(jobs(tmp_path, [now[0] | {"sampling": sampling | {"top_k": 3}}]), tmp_path)


def test_what_is_new_gets_directories_of_its_own(tmp_path: Path) -> None:
    """Two arms are one engine entered twice; each keeps its own runs."""
    begin(jobs(tmp_path, asked("aba", 2)), tmp_path)
    grown = placed(jobs(tmp_path, asked("aba", 3)), tmp_path)
    assert names(grown) == ["0", "1", "6", "2", "3", "7", "4", "5", "8"]
    begin(grown, tmp_path)
    assert names(placed(jobs(tmp_path, asked("aba", 3)), tmp_path)) == names(grown)
    wider = placed(jobs(tmp_path, asked("cab", 3) + asked("a", 3)), tmp_path)
    assert names(wider)[3:] == names(grown)
    assert names(wider)[:3] == ["9", "10", "11"]


@pytest.mark.parametrize("strange", [{"engine": "b", "repeat": 0}, {"engine": "a", "alpha": 1}])
def test_another_sweep_is_refused(tmp_path: Path, strange: dict[str, Any]) -> None:
    begin(jobs(tmp_path, [{"engine": "a", "repeat": 0}]), tmp_path)
    with pytest.raises(UsageError, match="another configuration"):
        placed(jobs(tmp_path, [strange]), tmp_path)
    with pytest.raises(UsageError, match="another configuration"):
        placed(jobs(tmp_path, [strange]), None)


def test_limits_may_change(tmp_path: Path) -> None:
    begin(jobs(tmp_path, [{"engine": "a", "limits": 1}]), tmp_path)
    assert names(placed(jobs(tmp_path, [{"engine": "a", "limits": 2}]), tmp_path)) == ["0"]


SETUP = (
    *("+experiment=smoke", "engine=noop", "isolation=inline", "tracking=none"),
    "fidelity.enabled=false",
)


def test_a_sweep_with_more_repeats_runs_and_compares_all_of_them(
    tmp_path: Path, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the caution advises: more repeats, in the same directory."""
    monkeypatch.setattr(sweep, "_compare", lambda root, console: None)
    printed = StringIO()

    def run(*repeats: int) -> dict[str, Any]:
        asked = [(alpha, repeat) for alpha in (0, 1) for repeat in repeats]
        wanted = []
        for number, (alpha, repeat) in enumerate(asked):
            made = values(*SETUP, f"workload.alpha={alpha}", f"repeat={repeat}")
            directory = RunDirectory(tmp_path / str(number))
            wanted.append(Job(made, load(made), directory, (str(number),), number, len(asked)))
        assert sweep.run_sweep(placed(wanted, tmp_path), tmp_path, Console(file=printed)) == 0
        read: dict[str, Any] = json.loads((tmp_path / MANIFEST).read_text())
        return read

    first = run(0)
    second = run(0, 1)
    assert printed.getvalue().count("skipped") == 2
    assert (second["id"], second["started"]) == (first["id"], first["started"])
    assert [job["path"] for job in second["jobs"]] == ["0", "2", "1", "3"]
    assert [second["jobs"][n]["path"] for n in second["order"]] == ["0", "1", "2", "3"]
    shown = [(run.settings["workload.alpha"], run.repeat) for run in assemble([tmp_path]).runs]
    assert shown == [(alpha, repeat) for alpha in (0, 1) for repeat in (0, 1)]
    some = run(1)
    assert [job["path"] for job in some["jobs"]] == ["2", "3", "0", "1"]
