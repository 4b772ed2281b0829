"""What adapters say, as tables and terminals take it."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Unreadable
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.metrics.timeline import Iteration
from pipeline.tracking.answers import ELLIPSIS, ShownAnswer, answers, first_answered, shown
from pipeline.tracking.run_directory import RunDirectory
from tests.tracking.conftest import request

MakeRun = Callable[..., RunDirectory]


def test_the_first_answer_of_each_adapter_in_the_order_of_the_trace() -> None:
    spoken = ((3, "b"), (1, "a"), (0, "b"), (2, None), (4, "c"))
    rows = [replace(request(id_, 0, 0.0), adapter=who) for id_, who in spoken]
    assert [(row.id, row.adapter) for row in first_answered(rows, 3)] == [
        (0, "b"),
        (1, "a"),
        (2, None),
    ]


def test_what_failed_or_has_no_text_is_no_answer() -> None:
    rows = [
        replace(request(0, 0, 0.0), error="broke"),
        replace(request(1, 0, 0.0), adapter="ids", text=None),
        request(2, 0, 0.0),
    ]
    assert [row.id for row in first_answered(rows, 8)] == [2]


def test_prompts_come_from_the_trace(make_run: MakeRun) -> None:
    run = make_run()
    assert answers(run, 8, 72) == (ShownAnswer("a", "", "abc"),), (
        "the trace is gone, the answer isn't"
    )
    lines = [json.dumps({"id": id_, "prompt": f"question {id_}\n"}) for id_ in range(4)]
    run.trace.write_text("\n".join(lines) + "\n")
    assert answers(run, 8, 72) == (ShownAnswer("a", r"question 0\n", "abc"),)
    assert answers(run, 8, 5) == (ShownAnswer("a", "ques" + ELLIPSIS, "abc"),)


@pytest.fixture
def run(make_run: MakeRun) -> RunDirectory:
    """Of two adapters, whose first requests are 0 and 4."""
    made = make_run()
    later = Iteration(2, 2.0, 3.0, {}, AdapterCounts(), 1.0)
    made.append(later, [replace(request(4, 2, 2.0), adapter="b")])
    return made


def asked(run: RunDirectory, prompts: list[str], laws: dict[str, object]) -> list[str]:
    """The questions that are shown of a trace with such prompts of both adapters."""
    rows = [{"id": id_, "prompt": each} for id_, each in zip((0, 4), prompts, strict=False)]
    run.trace.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    run.write_json("trace.json", {"laws": laws})
    return [each.prompt for each in answers(run, 8, 72)][: len(prompts)]


def test_of_conversations_the_question_is_shown_without_the_template(run: RunDirectory) -> None:
    head, tail = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|a|>\n",
    )
    prompts = [f"{head}{said}{tail}" for said in ("Who?", "What is <b>?\nAnd why?")]
    assert asked(run, prompts, {"chat": {}}) == ["Who?", r"What is <b>?\nAnd why?"]
    assert asked(run, prompts, {})[0].startswith(r"<|im_start|>system\n")


@pytest.mark.parametrize(
    "prompts", [["user\nWho?\n"] * 2, ["user\nWho?\n"], ["", "Who?"], ["\n"] * 2]
)
def test_of_conversations_that_are_alike_all_is_shown(
    run: RunDirectory, prompts: list[str]
) -> None:
    assert asked(run, prompts, {"chat": {}}) == [each.replace("\n", r"\n") for each in prompts]


def test_a_damaged_trace_is_named(make_run: MakeRun) -> None:
    run = make_run()
    run.trace.write_text("{}\n")
    with pytest.raises(Unreadable, match=r"trace\.jsonl: can't be read"):
        answers(run, 8, 72)


def test_a_run_that_served_nothing_has_no_answers(tmp_path) -> None:
    assert answers(RunDirectory(tmp_path), 8, 72) == ()


@given(st.text(max_size=60), st.integers(min_value=1, max_value=40))
def test_what_is_shown_fits_and_can_steer_nothing(text: str, length: int) -> None:
    said = shown(text, length)
    assert len(said) <= length and said.isprintable()
    whole = shown(text, 10 * len(text) + 1)
    assert said == whole or (said.endswith(ELLIPSIS) and whole.startswith(said[:-1]))


def test_an_escape_is_never_cut_in_two() -> None:
    cuts = [shown("\x1b[2J\n", length) for length in range(1, 12)]
    assert cuts[0] == ELLIPSIS and cuts[-1] == r"\x1b[2J\n"
    assert all(len(one) <= len(other) for one, other in pairwise(cuts))
    assert {cut.count("\\x1b") for cut in cuts[4:]} == {1}
