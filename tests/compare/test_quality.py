"""What an arm costs in quality, beside what it brings."""

import json
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


def test_an_arm_that_does_not_count_is_named_with_its_reason(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = judged / "merged" / "status.json"
    status = json.loads(path.read_text())
    path.write_text(json.dumps(status | {"validity": "INVALID", "reasons": ["it was wrong"]}))
    assert main([str(judged)]) == 0
    said = capsys.readouterr().out
    assert "INVALID  merged" in said and "it was wrong" in said


def test_runs_that_were_asked_no_questions_are_refused(
    spoken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(spoken)]) == 2
    assert "quality.path" in capsys.readouterr().err
