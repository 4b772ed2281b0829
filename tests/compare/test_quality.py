"""What an arm costs in quality, beside what it brings."""

import json
from pathlib import Path

import pytest

from pipeline.compare.quality import answers_of, main, marks
from pipeline.errors import Unreadable
from pipeline.tracking.run_directory import RunDirectory


@pytest.fixture
def questions(spoken: Path, tmp_path: Path) -> Path:
    """What `spoken` was asked, with the answers that llama_cpp alone gave."""
    path = tmp_path / "questions.jsonl"
    rows = [
        {
            "adapter": row.adapter,
            "messages": [
                {"role": "user", "content": f"Who <i>are</i> you, {row.id}?"},
                {"role": "assistant", "content": "Aye"},
            ],
        }
        for engine in ("merged", "multilora", "llama_cpp")
        for row in RunDirectory(spoken / engine).requests()
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_an_arm_has_a_line_with_its_share_of_right_answers(
    spoken: Path,
    questions: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main([str(spoken), "--questions", str(questions)]) == 0
    lines = capsys.readouterr().out.splitlines()
    shares = {line.split()[1]: line.split()[-2] for line in lines if "│" in line}
    assert shares == {"llama_cpp": "100", "merged": "0", "multilora": "0"}


def test_a_question_that_holds_another_is_judged_by_its_own_answer(
    spoken: Path, questions: Path
) -> None:
    run = RunDirectory(spoken / "llama_cpp")
    asked = answers_of(questions)
    inside = {name: {"Who": "No"} for name in asked}
    both = {name: {**inside[name], **own} for name, own in asked.items()}
    assert all(marks(run, both))
    assert not any(marks(run, inside))


def test_runs_that_were_asked_something_else_are_refused(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert main([str(sweep), "--questions", str(empty)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("line", ["[]", "1", "{}", '{"messages": [1, 2]}', '{"messages": []}', "{"])
def test_a_damaged_file_of_questions_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(Unreadable, match=r"questions\.jsonl"):
        answers_of(path)
