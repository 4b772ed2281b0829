"""Log-probabilities of prompts are the model's own, however the prompts were read."""

import pytest
import torch

from pipeline.inference.events import PromptScored
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.stages.build import build

SETUP = ("engine=multilora", "threads=1", "adapters.count=2", "workload.iterations=1")
LONG = tuple((7 * place * place + 3) % 1500 for place in range(90))
PROMPTS = {"long": LONG, "same": LONG[:60], "short": LONG[:2], "one": LONG[:1]}
TOP = 3


@pytest.fixture(scope="module")
def expected():
    """What transformers says of each token, (tokens - 1, vocabulary), by prompt."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained("pipeline/assets/tiny/base", dtype=torch.float32)
    with torch.inference_mode():
        return {
            name: model(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
            for name, ids in PROMPTS.items()
        }


@pytest.fixture
def entered(config, prepared):
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield (
            lambda *more: (
                stack.enter_context(build(config(*SETUP, *more), prepared(*SETUP, *more))).engine
            )
        )


def scored(engine, requests):
    """By request, all that is told being told once."""
    for each in requests:
        engine.submit(each)
    events = []
    while engine.busy:
        engine.wait()
        events += engine.step()
    found = {each.request_id: each.logprobs for each in events if isinstance(each, PromptScored)}
    assert len(found) == sum(isinstance(each, PromptScored) for each in events)
    return found


def question(name, adapter=None, prompt_logprobs=TOP, tokens=3):
    sampling = SamplingParams(
        max_new_tokens=tokens, prompt_logprobs=prompt_logprobs, ignore_eos=True
    )
    return Request((name, adapter), adapter, prompt_ids=PROMPTS[name], sampling=sampling)


def check(found, expected):
    for (name, adapter), told in found.items():
        ids = PROMPTS[name]
        assert len(told) == len(ids) and told[0] is None
        for place, (id_, row) in enumerate(zip(ids[1:], expected[name], strict=True), 1):
            assert next(iter(told[place])) == id_
            if adapter is None:
                assert {*told[place]} == {id_, *row.topk(TOP).indices.tolist()}
                for other, logprob in told[place].items():
                    assert logprob == pytest.approx(float(row[other]), abs=1e-3)


READINGS = [
    (),
    ("engine.prefill_tokens=7",),
    ("engine.prefix_cache=true", "engine.prefill_tokens=32"),
    ("engine.kv_tokens=160", "engine.prefill_tokens=16"),
]


@pytest.mark.parametrize("more", READINGS, ids=" ".join)
def test_they_are_transformers_in_whatever_pieces_prompts_are_read(more, entered, expected):
    engine = entered(*more)
    for _ in range(2):  # The second time blocks of the first are there to be found.
        requests = [question(name) for name in PROMPTS]
        requests += [question("same", "csv", None, 40), question("long", "html")]
        found = scored(engine, requests)
        assert {*found} == {*((name, None) for name in PROMPTS), ("long", "html")}
        check(found, expected)
        assert found["long", "html"][5] != found["long", None][5]


def test_who_is_preempted_while_its_prompt_is_read_gets_them_once(entered, expected):
    engine = entered("engine.kv_tokens=128", "engine.prefill_tokens=2")
    found = scored(engine, [question("short", tokens=80), question("long")])
    assert engine.kv_counts.preemptions
    assert {*found} == {("short", None), ("long", None)}
    check(found, expected)
