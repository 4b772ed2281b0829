"""Small pools and shared beginnings change when a token comes, and nothing else of it."""

from collections import Counter
from dataclasses import replace

import pytest

from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.settings import Serving
from pipeline.inference.events import Admitted, Finished, FinishReason, Token
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams

ASKED = [
    {},
    {"temperature": 1.0, "seed": 1},
    {"repetition_penalty": 5.0, "logprobs": 2},
    {"temperature": 1.5, "top_p": 0.8, "seed": 3},
    {"stop": ("e",), "min_tokens": 20},
    {"presence_penalty": 2.0},
]
NAMES = ["sql", "verse", None, "sql", "json", "verse"]
TIGHT = {"kv_tokens": 144, "adapter_memory_mb": 1.6}


@pytest.fixture(scope="module")
def entered(checkpoint, adapters):
    """An engine with those settings, entered; a batch of four, prompts read in pieces."""

    def build(**settings):
        chosen = {"name": "multilora", "max_batch_size": 4, "prefill_tokens": 11, **settings}
        return MultiloraSettings(**chosen).build(Serving(checkpoint, adapters, threads=1))

    return build


@pytest.fixture
def asked(checkpoint):
    """Six requests of every kind; those of an adapter begin alike."""
    tokenizer = checkpoint.tokenizer()

    def request(number, name, sampling):
        text = f"The table of all the planets, their moons and their years. {number} of them."
        length = 40 + 7 * number
        params = SamplingParams(max_new_tokens=length, ignore_eos=True, **sampling)
        ids = tuple(tokenizer.encode(text).ids)
        return Request(number, name, text, ids, params, stream=number % 2 == 0)

    return [
        request(number, name, sampling)
        for number, (name, sampling) in enumerate(zip(NAMES, ASKED, strict=True))
    ]


def told(events):
    """By request, all that is told of it but the stamps."""
    found = {}
    for event in events:
        found.setdefault(event.request_id, []).append(replace(event, at=0.0))
    return found


@pytest.mark.parametrize(("precision", "shared"), [("fp32", False), ("int8", True), ("int4", True)])
def test_all_that_is_told_is_the_same_in_a_pool_that_is_too_small(
    precision, shared, entered, asked, drain
):
    with entered(precision=precision) as wide:
        expected = told(drain(wide, *asked))
        assert wide.kv_counts.preemptions == 0
    with entered(precision=precision, prefix_cache=shared, **TIGHT) as tight:
        for _ in range(2):
            assert told(drain(tight, *asked)) == expected
        assert tight.kv_counts.preemptions > 2
        assert (tight.kv_counts.cached_tokens > 0) is shared
        assert tight.adapter_counts.lookups == 10
        assert tight._blocks.free == tight._allocator.blocks
    kinds = Counter(type(event) for event in expected[0])
    assert kinds == {Admitted: 1, Token: 40, Finished: 1}


def test_a_preempted_request_can_be_cancelled(entered, asked, drain):
    with entered(prefix_cache=True, kv_tokens=144) as tight:
        expected = told(drain(tight, *asked))
        for request in asked:
            tight.submit(request)
        events = []
        while not any(each.preempted for each in tight.scheduler.waiting):
            events += tight.step()
        (gone, *_) = [each for each in tight.scheduler.waiting if each.preempted]
        tight.cancel(gone.id)
        while tight.busy:
            events += tight.step()
        found = told(events)
        assert found.pop(gone.id)[-1].reason is FinishReason.CANCELLED
        assert found == {id_: each for id_, each in expected.items() if id_ != gone.id}
        assert tight._blocks.free == tight._allocator.blocks


def test_a_beginning_is_computed_once_for_each_adapter(entered, asked, drain):
    shared = 16 * (len(asked[0].prompt_ids) // 16)
    with entered(prefix_cache=True) as engine:
        drain(engine, *(replace(each, sampling=SamplingParams(max_new_tokens=1)) for each in asked))
        counts = engine.kv_counts
        assert counts.prompt_tokens == sum(len(each.prompt_ids) for each in asked)
        assert 0 < counts.cached_tokens <= 2 * shared
        drain(engine, asked[0])
        assert (engine.kv_counts - counts).cached_tokens == shared
        engine.forget_prefixes()
        drain(engine, asked[0])
        assert (engine.kv_counts - counts).cached_tokens == shared
        assert engine._allocator.free < engine._allocator.blocks == engine._blocks.free


def test_an_adapter_that_comes_anew_under_its_name_finds_nothing(
    entered, asked, drain, outputs, adapters
):
    (mine, *_), other = asked, adapters["verse"].folder
    with entered(prefix_cache=True) as engine:
        before = outputs(drain(engine, mine))
        drain(engine, mine)
        found = engine.kv_counts.cached_tokens
        assert found > 0
        for folder in (other, adapters["sql"].folder):
            engine.remove_adapter("sql")
            engine.add_adapter("sql", folder)
            again = outputs(drain(engine, mine))
            assert engine.kv_counts.cached_tokens == found
            assert (again == before) is (folder is not other)


def test_without_a_cache_nothing_is_looked_up(entered, asked, drain):
    with entered() as engine:
        for _ in range(2):
            drain(engine, *asked)
        assert (engine.kv_counts.cached_tokens, engine.kv_counts.prompt_tokens) == (0, 0)
