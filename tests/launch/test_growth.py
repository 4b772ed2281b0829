"""Sweeps that get repeats until they know enough: whole ones, resumed and bounded as any sweep."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.__main__ import main
from pipeline.compare.ratios import Ratio
from pipeline.config.run_config import RunConfig
from pipeline.files.documents import write_json
from pipeline.launch import growth, sweep
from pipeline.launch.job import Job
from pipeline.tracking.run_directory import RunDirectory

SETUP = (
    *("+experiment=smoke", "threads=1", "tracking=none", "isolation=inline"),
    *("validity.min_utilisation=null", "validity.max_steal=null", "fidelity.enabled=false"),
)

TWINS = "engine=noop,noop"

SEEN = Ratio((1.0, 1.1, 1.2), repeats=(0, 1, 2))
"""Its interval reaches 25 % above its mean."""

Call = Callable[..., int]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls the command in this process, without the comparison at the end.

    What is looked at is made up: a run on a busy machine may be INVALID.
    """
    monkeypatch.setattr(sweep, "_compare", lambda *_: None)
    monkeypatch.setattr(growth, "_ratios", lambda root: [SEEN])

    def called(*arguments: str) -> int:
        here = (f"paths.runs={tmp_path}/runs", f"hydra.sweep.dir={tmp_path}/a sweep")
        monkeypatch.setattr(sys, "argv", ["pipeline", "-m", *SETUP, *arguments, *here])
        return main()

    return called


def sheet(tmp_path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((tmp_path / "a sweep" / "sweep.json").read_text())
    return read


def repeats(tmp_path: Path) -> Counter[int]:
    """How many jobs of each repeat have finished."""
    found = (RunDirectory(tmp_path / "a sweep" / job["path"]) for job in sheet(tmp_path)["jobs"])
    return Counter(each.config()["repeat"] for each in found if each.status().state == "FINISHED")


def test_whole_repeats_are_added_and_a_sweep_goes_on_where_it_was_left(
    tmp_path: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    never = "until.half_width=0.000001"
    assert call(TWINS, never, "until.max_repeats=2") == 0
    assert repeats(tmp_path) == {0: 2, 1: 2}
    until = sheet(tmp_path)["until"]
    assert (until["half_width"], until["max_repeats"]) == (1e-6, 2)
    assert [each["repeats"] for each in until["looks"]] == [2]
    printed = capsys.readouterr().out
    assert "after 2 repeats, intervals reach up to \u00b125\u00a0%, where 0.0001" in printed
    assert "no more are allowed (until.max_repeats)" in printed
    assert "[4/4]" in printed
    overrides = [job["overrides"] for job in sheet(tmp_path)["jobs"]]
    assert Counter(each[-1] for each in overrides)["repeat=1"] == 2

    assert call(TWINS, never, "until.max_repeats=3") == 0
    assert repeats(tmp_path) == {0: 2, 1: 2, 2: 2}
    assert capsys.readouterr().out.count("skipped") == 4
    assert [each["repeats"] for each in sheet(tmp_path)["until"]["looks"]] == [2, 3]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("until.half_width=0.1", "engine=noop"), "no two jobs are asked the same"),
        (("until.half_width=0.1,0.2",), "until: is one for the whole call"),
        (("until.half_width=3",), "until.half_width=3"),
        (("until.max_repeats=3",), "until.max_repeats=3 changes nothing"),
        (
            ("until.half_width=0.1", "until.max_repeats=2", "repeat=0,1,2"),
            "3 repeats are asked for already",
        ),
        (("until.half_width=0.1", "limits.jobs=39"), "may come to 40 jobs, over limits.jobs=39"),
    ],
)
def test_what_never_could_be_known_is_refused(
    typed: tuple[str, ...], said: str, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    engines = () if any("engine=" in each for each in typed) else (TWINS,)
    assert call(*engines, *typed) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("ratios", "wanted", "said"),
    [
        ([], False, "no two runs can be paired"),
        ([Ratio((1.0, 1.0), repeats=(0, 1))], True, "another is added"),
        ([Ratio((1.0,), repeats=(0,))], True, "some ratios have no interval"),
        ([Ratio((1.0,) * 5, repeats=range(5))], False, "narrow enough"),
        ([Ratio((1.0, 1.3) * 3, repeats=range(6))], True, "where 10\u00a0% is asked for: another"),
    ],
)
def test_when_another_repeat_is_wanted(
    ratios: list[Ratio],
    wanted: bool,
    said: str,
    tmp_path: Path,
    config: Callable[..., RunConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ratio of five repeats, of which but two could be paired, isn't known yet."""
    monkeypatch.setattr(growth, "_ratios", lambda root: ratios)
    write_json(tmp_path / "sweep.json", {"until": {"looks": []}})
    printed = StringIO()
    made = config("engine=noop", "until.half_width=0.1", "repeat=4")
    job = Job({}, made, RunDirectory(tmp_path / "0"), ())
    assert growth.wants_more([job], tmp_path, Console(file=printed, width=200)) == wanted
    assert said in printed.getvalue()


def test_a_call_that_only_shows_its_configuration_has_no_jobs_to_look_at():
    growth.check_growth(())
