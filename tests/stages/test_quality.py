"""Quality on the embedded model: what is served is judged, and what fails is no score."""

from dataclasses import replace
from math import exp

import numpy as np
import pytest

from pipeline.inference.sampling_params import SamplingParams
from pipeline.metrics.quality import perplexity, task_score
from pipeline.models.tokenizer import TOKENIZER, read_tokenizer
from pipeline.stages.build import build
from pipeline.stages.quality import ask
from pipeline.stages.replay import Replay
from pipeline.workload.exam import ROOM_TO_END, ExamQuestion
from pipeline.workload.request import TraceRequest

TOKENS = 4
ENGINES = ("arm=multilora_fp32", "arm=peft_mixed_fp32", "arm=merged_fp32", "arm=llama_cpp_f32")


@pytest.fixture
def building(config, prepared):
    """Builds an engine of two adapters, and says of what."""

    def build_one(arm):
        ready = prepared("adapters.count=2", arm)
        return build(config("adapters.count=2", arm), ready), ready

    return build_one


def own_answers(ready, engine):
    """Questions whose right answer is what the engine writes."""
    tokenizer = read_tokenizer(ready.checkpoint.folder / TOKENIZER)
    texts = [(None, "Once upon a time"), *((each.name, "Tell me of") for each in ready.adapters)]
    requests = [
        TraceRequest(
            id=number,
            iteration=0,
            adapter=name,
            prompt=text,
            prompt_ids=tuple(tokenizer.encode(text).ids),
            max_new_tokens=TOKENS + ROOM_TO_END,
            scheduled_s=0.0,
            sampling=SamplingParams(ignore_eos=False),
        )
        for number, (name, text) in enumerate(texts)
    ]
    said = {each.id: each for each in Replay(engine, requests, None).run(0)[1]}
    return [
        ExamQuestion(
            each.adapter,
            each.prompt,
            each.prompt_ids,
            said[each.id].text,
            said[each.id].output_ids[:TOKENS],
        )
        for each in requests
    ]


@pytest.mark.parametrize("arm", ENGINES)
def test_right_is_who_writes_the_answer_and_likely_who_would(building, arm):
    built, ready = building(arm)
    with built as run:
        questions = own_answers(ready, run.engine)
        questions[1] = replace(questions[1], answer="something else")
        verdict = ask(questions, run.engine)
        rows = [run.engine.score(q.adapter, q.prompt_ids, q.answer_ids) for q in questions]
    assert verdict.faults == ()
    assert [each.right for each in verdict.judged] == [True, False, True]
    assert task_score(verdict.judged) == pytest.approx(2 / 3)
    if all(row is not None for row in rows):
        pairs = zip(rows, questions, strict=True)
        said = [row[np.arange(TOKENS), each.answer_ids] for row, each in pairs]
        assert perplexity(verdict.judged) == pytest.approx(exp(-np.mean(said)), rel=1e-3)


def test_a_question_that_fails_makes_the_run_invalid(building):
    built, ready = building("arm=multilora_fp32")
    with built as run:
        good, *_ = own_answers(ready, run.engine)
        verdict = ask([good, replace(good, prompt="long " * 3000)], run.engine)
    assert any("question 1 failed" in each for each in verdict.faults)
    assert len(verdict.judged) == 1


def test_nothing_asked_is_nothing_said(building):
    built, _ = building("engine=noop")
    with built as run:
        assert ask((), run.engine).judged == ()
