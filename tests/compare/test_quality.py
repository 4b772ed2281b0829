"""What an arm costs in quality, beside what it brings."""

import json
import re
from pathlib import Path

import pytest

from pipeline.compare.quality import main


@pytest.fixture
def judged(spoken: Path) -> Path:
    """Runs that were judged by questions, but for one figure."""
    for engine, score in (("merged", 0.25), ("llama_cpp", 1.0), ("multilora", 0.5)):
        path = spoken / engine / "metrics.json"
        metrics = json.loads(path.read_text()) | {"perplexity": 1.5, "task_score": score}
        if engine == "merged":
            metrics["perplexity"] = "not measured"
        path.write_text(json.dumps(metrics))
    return spoken


def test_an_arm_has_a_line_with_its_perplexity_and_score(
    judged: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main([str(judged)]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = {line.split()[1]: line.split("│")[-3:-1] for line in lines if "│" in line}
    found = {arm: [each.strip() for each in cells] for arm, cells in said.items()}
    assert found["llama_cpp"] == ["1.50", "100"]
    assert found["multilora"] == ["1.50", "50"]
    assert found["merged"][1] == "25" and not found["merged"][0][:1].isdigit()


def test_an_arm_that_does_not_count_is_called_so_and_shown_with_its_reason(
    judged: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a precision that is too coarse to count costs is what the table is for."""
    monkeypatch.setenv("COLUMNS", "200")
    path = judged / "merged" / "status.json"
    status = json.loads(path.read_text())
    path.write_text(json.dumps(status | {"validity": "INVALID", "reasons": ["it was wrong"]}))
    assert main([str(judged)]) == 0
    said = capsys.readouterr().out
    assert "INVALID  merged: it was wrong" in said
    (line,) = [each for each in said.splitlines() if "merged (INVALID)" in each]
    assert line.split("│")[-2].strip() == "25"


def test_runs_that_were_asked_no_questions_are_refused(
    spoken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(spoken)]) == 2
    assert "quality.path" in capsys.readouterr().err


def test_what_a_million_tokens_cost_stands_beside_the_speed_where_a_price_was_set(
    judged: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert main([str(judged)]) == 0
    assert "cost" not in capsys.readouterr().out
    for path in judged.glob("*/metrics.json"):
        metrics = json.loads(path.read_text())
        path.write_text(json.dumps(metrics | {"cost_per_million_tokens": 0.5}))
    assert main([str(judged)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.search(r"tokens/s[^┃]*┃ cost", lines[1])
    assert re.search(r"│ llama_cpp +│ +[\d.]+ │ +0.500 │", "\n".join(lines))
