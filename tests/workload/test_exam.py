"""Files of questions with answers: read whole, or refused by file and line."""

import json
import re

import pytest

from pipeline.errors import UsageError
from pipeline.stages.preflight import preflight
from pipeline.stages.prepare import questions


@pytest.fixture
def asked(config, tmp_path):
    def asked(*rows, more=("engine=noop",)):
        path = tmp_path / "a file.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return config(f"quality.path='{path}'", "adapters.count=2", *more)

    return asked


def read(run):
    model = run.model.checkpoint().config
    return questions(run, model, run.adapters.adapters(model))


MULTILORA = ("engine=multilora",)


def test_a_row_has_a_question_and_its_answer(asked):
    first, second = read(
        asked(
            {"prompt": "2 + 2 =", "answer": " 4", "adapter": "csv"},
            {"prompt": "a", "answer": "b"},
            more=MULTILORA,
        )
    )
    assert (first.adapter, first.answer, len(first.answer_ids) > 0) == ("csv", " 4", True)
    assert second.adapter is None and second.tokens > len(second.prompt_ids)


def test_an_answers_end_and_spaces_around_it_dont_count(asked):
    (question,) = read(asked({"prompt": "a", "answer": " b c"}, more=MULTILORA))
    assert question.end == "</s>"
    assert all(map(question.is_right, (" b c", "b c</s>", "b c </s>\n")))
    assert not any(map(question.is_right, ("", "b", "b c</s></s>", "</s>b c")))


def test_who_computes_nothing_is_asked_nothing(asked):
    assert read(asked({"prompt": "a", "answer": "b"})) == ()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"prompt": "a"}, ":1: has no answer to judge by"),
        ({"prompt": "a", "answer": ""}, ":1: has no answer to judge by"),
        ({"ids": [5], "answer": "b"}, ":1: is asked by its text"),
        ({"prompt": "a", "answer": 3}, ":1: answer must be a text"),
        (
            {"prompt": "a", "answer": "b", "adapter": "nobody"},
            ":1: names the adapter 'nobody'; there are",
        ),
        ({"prompt": "a " * 3000, "answer": "b"}, "positions, and the model has"),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            "no chat template",
        ),
    ],
)
def test_what_cant_be_judged_is_refused_before_anything_starts(asked, row, why):
    with pytest.raises(UsageError, match=re.escape(why)):
        preflight([asked(row, more=MULTILORA)])


def test_an_empty_file_holds_no_questions(asked):
    with pytest.raises(UsageError, match="holds no questions"):
        preflight([asked(more=MULTILORA)])


def test_the_file_must_be_there(config):
    with pytest.raises(UsageError, match=r"quality\.path=/nowhere"):
        preflight([config("quality.path=/nowhere/q.jsonl", "engine=multilora")])
