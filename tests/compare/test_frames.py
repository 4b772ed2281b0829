"""Runs as tables for a notebook: every run a row, every request with its latencies."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import pipeline
from pipeline.compare.frames import RunTables
from pipeline.errors import UsageError
from pipeline.metrics.definitions import DEFINITIONS
from pipeline.settings import flatten

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tables(sweep: Path) -> RunTables:
    (sweep / "3" / "requests.jsonl").write_text("{ not : [ closed\n")
    (sweep / "4" / "status.json").write_text("[]")
    return pipeline.load_runs(sweep)


def test_every_run_is_a_row_with_its_state_its_settings_and_its_metrics(tables: RunTables) -> None:
    runs = tables.runs
    assert list(runs.index) == [f"sweep/{number}" for number in range(12)]
    states = ["FINISHED"] * 12
    states[1], states[3], states[4], states[10] = "FAILED", "UNREADABLE", "UNREADABLE", "NEVER RAN"
    assert list(runs["state"]) == states
    assert runs.loc["sweep/8", "validity"] == "INVALID"
    assert runs.loc["sweep/0", "engine.name"] == "peft_hotswap"
    assert runs.loc["sweep/0", "output_tokens_per_s"] > 0
    assert pd.isna(runs.loc["sweep/10", "output_tokens_per_s"])
    assert "requests.jsonl" in runs.loc["sweep/3", "cause"]
    assert "status.json" in runs.loc["sweep/4", "cause"]


def test_requests_have_their_stamps_and_latencies(tables: RunTables) -> None:
    requests = tables.requests
    assert {name for name, _ in requests.index}.isdisjoint({"sweep/3", "sweep/4", "sweep/10"})
    row = requests.loc["sweep/0"].iloc[0]
    assert row["ttft_s"] == row["tokens"][0] - row["scheduled"]
    assert row["e2e_s"] == row["finished"] - row["scheduled"]
    assert row["adapter"]


def test_a_request_that_failed_has_no_latency(tmp_path: Path, make_run: object) -> None:
    path = make_run(tmp_path / "run")  # type: ignore[operator]
    rows = (path / "requests.jsonl").read_text("utf-8").replace('"error": null', '"error": "no"')
    (path / "requests.jsonl").write_text(rows, "utf-8")
    requests = pipeline.load_runs(path).requests
    assert set(requests["error"]) == {"no"}
    assert requests[["ttft_s", "tpot_s", "e2e_s", "queue_s"]].isna().all(axis=None)


def test_runs_of_which_none_ever_served(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "status.json").write_text("[]")
    tables = pipeline.load_runs(tmp_path)
    assert list(tables.runs["state"]) == ["UNREADABLE"] and tables.requests.empty


def test_no_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs here"):
        pipeline.load_runs(tmp_path)


def test_settings_and_metrics_have_no_name_in_common(values: object) -> None:
    assert set(flatten(values())).isdisjoint(DEFINITIONS)  # type: ignore[operator]


def test_the_package_alone_takes_nothing_along() -> None:
    code = "import pipeline, sys; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_example_of_the_documentation(sweep: Path) -> None:
    page = (ROOT / "docs" / "benchmark_usage.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    found: dict[str, pd.DataFrame] = {}
    exec(code.replace('"runs/mine"', repr(str(sweep))), found)
    assert found["speed"].loc[0, "multilora"] > found["speed"].loc[0, "peft_hotswap"] > 0
    assert (found["slowest"] > 0).all()
