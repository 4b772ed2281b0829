"""Directories whose rows aren't their trace, or whose files were swapped, count nowhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.compare.load import load
from pipeline.compare.run import Run
from pipeline.tracking.recompute import main
from pipeline.tracking.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path: Path, make_run: Callable[..., Path]) -> RunDirectory:
    """A run with a trace of its own."""
    directory = RunDirectory(make_run(tmp_path / "run"))
    lines = (
        {
            **{name: getattr(row, name) for name in ("id", "iteration", "adapter")},
            **{"prompt": "", "prompt_ids": [1] * row.prompt_tokens, "scheduled_s": 0.0},
            "max_new_tokens": len(row.output_ids),
        }
        for row in directory.requests()
    )
    directory.trace.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return directory


def loaded(run: RunDirectory) -> Run:
    (found,) = load([run.path])
    return found


def test_a_run_that_is_its_trace_counts(run: RunDirectory) -> None:
    assert loaded(run).verdict == "VALID"


def test_doubled_rows_of_an_old_directory_are_told_where_runs_are_read(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = run.path / "requests.jsonl"
    rows.write_text(rows.read_text() * 2)
    found = loaded(run)
    assert found.verdict == "INVALID" and not found.counts
    assert found.why == "16 requests have more than one row, first: request 0"
    environment = run.json("environment.json")
    run.write_json("environment.json", {**environment, "threads": 1})
    stored = {"load_s": 1.0, "warmup_s": 1.0, "peak_rss_bytes": 1}
    run.write_json("metrics.json", {**run.json("metrics.json"), **stored})
    run.write_config((run.path / "config.yaml").read_text() + "\nslo: {}\n")
    assert main([str(run.path)]) == 1
    assert found.why in capsys.readouterr().out


def test_a_missing_row_is_told(run: RunDirectory) -> None:
    rows = run.path / "requests.jsonl"
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:-3]))
    assert "3 requests of the trace have no row, first: request 13" in loaded(run).why


@pytest.mark.parametrize(("part", "invalid"), [("model", 1), ("adapters", 1), ("other", 0)])
def test_a_job_made_from_other_files_than_the_first_of_its_sweep_is_invalid(
    part: str, invalid: int, tmp_path: Path, make_sweep: Callable[..., Path]
) -> None:
    hashes = {"circumstances": {"hashes": {part: "another"}}}
    same = {"circumstances": {"hashes": {part: "one"}}}
    fates = {0: same, 1: same, 2: hashes}
    sweep = make_sweep(tmp_path / "sweep", ("noop",), batches=(4,), broken=fates)
    wrong = [found for found in load([sweep]) if found.verdict == "INVALID"]
    assert len(wrong) == invalid
    for found in wrong:
        assert found.path.name == "2"
        assert f"the {part}'s files aren't those of sweep/0: they were changed" in found.why
