"""Requests that ask for unlike sampling, stops and log-probabilities, in one engine at once."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.noop import NoopSettings
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.merged import MergedSettings
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.errors import UsageError
from pipeline.inference.events import Finished, FinishReason, Token
from pipeline.inference.sampling_params import SamplingParams

POOL = {"kv_tokens": 2048, "max_batch_size": 8, "prefill_tokens": 24}
ENGINES = {
    "multilora": (MultiloraSettings, {"precision": "int8", **POOL}),
    "llama_cpp": (LlamaCppSettings, {"precision": "f32", "context": 512, "max_batch_size": 8}),
    "peft_mixed": (PeftMixedSettings, {}),
    "peft_hotswap": (PeftHotswapSettings, {}),
    "merged": (MergedSettings, {}),
}
UNLIKE = [
    {},
    {"temperature": 1.0, "seed": 1},
    {"temperature": 2.0, "top_k": 5, "seed": 2},
    {"temperature": 1.5, "top_p": 0.8, "min_p": 0.01, "seed": 3},
    {"repetition_penalty": 50.0},
    {"presence_penalty": 2.0, "frequency_penalty": 2.0},
    {"logprobs": 3},
]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request, checkpoint, adapters, cache):
    """Each engine of the embedded model, entered once."""
    kind, settings = ENGINES[request.param]
    settings = settings | ({"cache": cache} if request.param == "llama_cpp" else {})
    mine = {"sql": adapters["sql"]}
    with kind(name=request.param, **settings).build(Serving(checkpoint, mine, threads=1)) as made:
        yield made


@pytest.fixture
def serve(engine, drain):
    """Serves requests together: the events of their tokens and of their ends, by request."""

    def served(*requests):
        events = drain(engine, *requests)
        ends = {each.request_id: each for each in events if isinstance(each, Finished)}
        assert not any(each.error for each in ends.values())
        tokens = {id_: [] for id_ in ends}
        for each in events:
            if isinstance(each, Token):
                tokens[each.request_id].append(each)
        return tokens, ends

    return served


@pytest.fixture
def asking(request_of):
    """A request for the adapter, for twelve tokens unless it says otherwise."""

    def made(id_=0, **asked):
        params = SamplingParams(**{"max_new_tokens": 12, "ignore_eos": True} | asked)
        return replace(request_of(id_, "sql"), sampling=params)

    return made


def ids_of(tokens):
    return [each.token_id for each in tokens]


def test_each_gets_what_it_gets_alone(engine, serve, asking):
    """Other rows move an engine's logits a little, which may decide at the edge of two tokens."""
    requests = [asking(id_, **asked) for id_, asked in enumerate(UNLIKE)]
    together, _ = serve(*requests)
    alone = {each.id: serve(each)[0][each.id] for each in requests}
    equal = [ids_of(together[id_]) == ids_of(alone[id_]) for id_ in alone]
    assert all(equal) if isinstance(engine.settings, MultiloraSettings) else sum(equal) >= 5
    plain, *others = (tuple(ids_of(together[id_])) for id_ in sorted(together))
    assert {others[3], others[4]}.isdisjoint({plain}) and others[5] == plain
    assert len({*others[:3], plain}) == 4


def test_a_stop_string_ends_one_request_and_cuts_its_text(serve, asking):
    tokens, ends = serve(asking())
    text = ends[0].text
    stop = text[len(text) // 2 :][:3]
    stopped, cut = serve(asking(0, stop=("never said", stop)), asking(1))
    assert cut[0].reason is FinishReason.STOP and cut[1].reason is FinishReason.LENGTH
    assert cut[0].text == text[: text.index(stop)]
    assert len(stopped[0]) <= len(stopped[1]) == len(tokens[0])


def test_a_stop_id_ends_a_request_but_not_before_its_least_length(serve, asking):
    usual = ids_of(serve(asking())[0][0])
    stop = usual[3]
    tokens, ends = serve(asking(0, stop_ids={stop}), asking(1, stop_ids={stop}, min_tokens=6))
    assert ids_of(tokens[0]) == usual[: usual.index(stop) + 1]
    assert ends[0].reason is FinishReason.STOP
    assert stop not in ids_of(tokens[1])[:6] and len(tokens[1]) > 6


def test_a_batch_takes_no_step_after_its_last_answer(engine, serve, asking):
    text = serve(asking())[1][0].text
    with_stop = asking(0, stop=(text[:2],), max_new_tokens=400)
    engine.clock.restart()
    tokens, ends = serve(with_stop)
    assert ends[0].reason is FinishReason.STOP and len(tokens[0]) < 12
    assert engine.clock.marks < 200


def test_log_probabilities_are_the_models_own(engine, serve, asking):
    request = asking(0, logprobs=2, repetition_penalty=1.3)
    tokens, _ = serve(request, asking(1))
    scores = engine.score("sql", request.prompt_ids, ids_of(tokens[0]))
    for row, token in zip(scores, tokens[0], strict=True):
        assert next(iter(token.logprobs)) == token.token_id
        assert {*np.argsort(-row)[:1]} <= {*token.logprobs} and 2 <= len(token.logprobs) <= 3
        expected = [row[id_] for id_ in token.logprobs]
        np.testing.assert_allclose([*token.logprobs.values()], expected, atol=0.05)
    assert all(each.logprobs is None for each in tokens[1])


def test_text_comes_with_every_token_where_the_engine_streams(engine, serve, asking):
    request = replace(asking(), stream=True)
    if not engine.capabilities.stream:
        with pytest.raises(UsageError, match="stream"):
            engine.submit(request)
        return
    tokens, ends = serve(request, asking(1))
    assert "".join(each.text for each in tokens[0]) == ends[0].text == ends[1].text
    assert all(each.text is None for each in tokens[1])


def test_a_run_that_asks_for_what_its_engine_cant_do_is_refused(config):
    from pipeline.stages.preflight import preflight

    assert not NoopSettings.capabilities.logprobs
    with pytest.raises(UsageError, match=r"sampling asks for more than engine=noop does: .*log-pr"):
        preflight([config("engine=noop", "sampling.logprobs=1")])
