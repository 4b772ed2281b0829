"""Directories become rows, and no job is lost on the way."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.compare.comparison import assemble
from pipeline.compare.load import load
from pipeline.compare.report.cautions import cautions
from pipeline.compare.report.page import write
from pipeline.compare.report.table import print_table
from pipeline.errors import UsageError
from pipeline.files.documents import read_json, write_json
from pipeline.tracking.lock import claimed
from pipeline.tracking.status import State


def test_every_job_of_a_sweep_is_a_run(sweep: Path) -> None:
    runs = load([sweep])
    assert [run.path.name for run in runs] == [str(number) for number in range(12)]
    assert Counter(run.verdict for run in runs) == {
        "VALID": 9,
        "FAILED": 1,
        "INVALID": 1,
        "NEVER RAN": 1,
    }


def test_a_job_without_a_directory_takes_its_settings_from_overrides_and_siblings(
    sweep: Path,
) -> None:
    missing = load([sweep])[10]
    assert missing.settings["engine.name"] == "multilora"
    assert missing.settings["workload.alpha"] == 1.0
    assert missing.settings["workload.batch_size"] == 8
    assert missing.settings["model.name"] == "tiny"


def test_a_single_run_and_a_folder_of_runs(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    for number in (10, 9):
        make_run(tmp_path / "runs" / str(number))
    assert [run.path.name for run in load([tmp_path / "runs"])] == ["9", "10"]
    assert len(load([tmp_path / "runs" / "9"])) == 1


def test_a_run_named_twice_counts_once(sweep: Path) -> None:
    assert len(load([sweep, sweep / "0", sweep.parent])) == 12


@pytest.mark.parametrize("name", ["status.json", "config.yaml", "metrics.json"])
def test_a_run_with_a_broken_file_does_not_count(
    tmp_path: Path, make_run: Callable[..., Path], name: str
) -> None:
    path = make_run(tmp_path / "run")
    (path / name).write_text("{ not : [ closed")
    (run,) = load([path])
    assert run.verdict == "UNREADABLE"
    assert run.why


def test_what_is_still_running_says_so(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    path = make_run(tmp_path / "run", state=State.RUNNING)
    with claimed(path):
        (run,) = load([path])
    assert not run.counts and run.verdict == "RUNNING"
    assert "not ended" in run.why


def test_a_cause_cannot_steer_the_terminal(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    (run,) = load([make_run(tmp_path / "run", state=State.FAILED, cause="a\x1b[2Jb\nc")])
    assert run.why == "a [2Jb c"


def test_a_metric_that_could_not_be_measured_is_no_number(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    (run,) = load([make_run(tmp_path / "run")])
    assert run.number("ttft_s/p90") is None
    assert run.number("no_such_metric") is None
    assert run.number("adapter_hit_rate") == 0.9


def test_paths_without_runs_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such directory"):
        load([tmp_path / "nowhere"])
    with pytest.raises(UsageError, match="no runs here"):
        load([tmp_path])


def test_runs_of_before_are_read_and_marked(
    tmp_path: Path, make_sweep: Callable[..., Path]
) -> None:
    root = make_sweep(tmp_path / "sweep", alphas=(1.0,), batches=(4,))
    assert not any("earlier version" in each for each in cautions(assemble([root])))
    status = read_json(root / "1" / "status.json")
    assert status.pop("format") == 2
    write_json(root / "1" / "status.json", status)
    comparison = assemble([root])
    assert [run.format for run in comparison.runs].count(1) == 1
    assert all(run.counts for run in comparison.runs)
    (said,) = [each for each in cautions(comparison) if "earlier version" in each]
    assert said.startswith("sweep/1: ")


def test_a_run_of_a_later_format_is_a_row_that_says_so(
    tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    path = make_run(tmp_path / "run")
    status = read_json(path / "status.json")
    write_json(path / "status.json", status | {"format": 9, "more": True})
    (run,) = load([path])
    assert run.verdict == "UNREADABLE" and "is of format 9" in run.why


def test_what_runs_say_of_themselves_is_in_the_cautions(
    tmp_path: Path, make_sweep: Callable[..., Path]
) -> None:
    root = make_sweep(tmp_path / "sweep", alphas=(1.0,), batches=(4,))
    for run in ("0", "1"):
        status = read_json(root / run / "status.json")
        write_json(root / run / "status.json", status | {"cautions": ["2 prompts were left out"]})
    assert "sweep/0, sweep/1: 2 prompts were left out" in cautions(assemble([root]))


DAMAGE: dict[str, bytes] = {
    "empty": b"",
    "cut short": b'{"a": [1,\n',
    "another encoding": b"\xff\xfe{}\n",
    "a list": b"[]\n",
    "a number": b"7\n",
    "null": b"null\n",
}
READ = ("status.json", "config.yaml", "metrics.json", "environment.json", "trace.json")
ROWS = ("requests.jsonl", "iterations.jsonl")


def test_damaged_files_are_rows_that_name_them_and_nothing_stops(
    tmp_path: Path, make_run: Callable[..., Path], console: Console
) -> None:
    good = [make_run(tmp_path / "good" / engine, engine) for engine in ("merged", "multilora")]
    damaged = {}
    for name in (*READ, *ROWS):
        for number, (kind, content) in enumerate(DAMAGE.items()):
            if not (name in ROWS and kind == "empty"):
                path = make_run(tmp_path / f"of {name}" / str(number)) / name
                path.write_bytes(content)
                damaged[path.parent] = path
        path = make_run(tmp_path / f"of {name}" / "folder") / name
        path.unlink()
        path.mkdir()
        damaged[path.parent] = path
    comparison = assemble([tmp_path])
    report = write(comparison)
    print_table(comparison, console)
    runs = {run.path: run for run in comparison.runs}
    assert {path for path, run in runs.items() if run.counts} == set(good)
    for folder, path in damaged.items():
        assert runs[folder].verdict == "UNREADABLE", path
        assert str(path) in runs[folder].why
    page, printed = report.read_text(), console.export_text()
    assert page.count("UNREADABLE") >= len(damaged) <= printed.count("UNREADABLE")


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("environment.json", "cpu", 5),
        ("environment.json", "memory", {"total_bytes": "much"}),
        ("environment.json", "git", {"commit": 7}),
        ("environment.json", "machine_id", []),
        ("trace.json", "sha256", ["a"]),
        ("status.json", "started", "yesterday"),
        ("status.json", "started", "2026-11-24T12:00:00"),
    ],
)
def test_other_types_than_were_written_are_damage(
    tmp_path: Path, make_run: Callable[..., Path], name: str, field: str, value: object
) -> None:
    path = make_run(tmp_path / "run") / name
    write_json(path, read_json(path) | {field: value})
    (run,) = load([tmp_path])
    assert run.verdict == "UNREADABLE" and str(path) in run.why


def test_rows_that_are_gone_are_missed(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    path = make_run(tmp_path / "run", metrics={"requests": 16})
    assert load([path])[0].counts
    rows = (path / "requests.jsonl").read_text().splitlines(keepends=True)
    (path / "requests.jsonl").write_text("".join(rows[:-2]))
    (run,) = load([path])
    assert run.verdict == "UNREADABLE"
    assert "has 14 measured requests, metrics.json counted 16" in run.why


@pytest.mark.parametrize("sheet", ["", "[]", '{"jobs": 5}', '{"jobs": [{"no": "path"}]}'])
def test_a_damaged_list_of_jobs_is_a_row_and_costs_no_run(
    tmp_path: Path, make_sweep: Callable[..., Path], sheet: str
) -> None:
    root = make_sweep(tmp_path / "sweep", alphas=(1.0,), batches=(4,))
    (root / "sweep.json").write_text(sheet)
    damaged, *jobs = load([tmp_path])
    assert (damaged.path, damaged.verdict) == (root, "UNREADABLE")
    assert str(root / "sweep.json") in damaged.why
    assert [run.counts for run in jobs] == [True, True]


def test_what_only_looks_like_a_run_is_none(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    """MLflow's copies of runs, earlier attempts at one, and drafts."""
    run = make_run(tmp_path / "lab" / "runs" / "mine")
    for copy in ("a1" * 16, f"1/{'b2' * 16}"):
        shutil.copytree(run, tmp_path / "lab" / "mlruns" / "artifacts" / copy / "artifacts")
    shutil.copytree(run, tmp_path / "lab" / "runs" / "set aside" / "earlier" / "1")
    shutil.copytree(run, tmp_path / "lab" / "runs" / ".draft")
    assert [each.path for each in load([tmp_path / "lab"])] == [run]
