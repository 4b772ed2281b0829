"""Memory runs out in the midst of serving: nothing stays held, and the next requests are served."""

import inspect
from collections import Counter

import pytest
from peft import PeftModel

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.intake import Intake
from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora import embedding, engine, lora
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.settings import Serving
from pipeline.engines.transformers import lora_delta
from pipeline.engines.transformers.merged import MergedSettings
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.inference.events import Finished, FinishReason
from pipeline.inference.token_sampler import TokenSampler
from pipeline.kernels import native, native_program

NAMES = ["sql", "verse", None, "json", "sql", "csv"]
TIGHT = {"kv_tokens": 512, "max_batch_size": 3, "prefill_tokens": 16, "adapter_memory_mb": 1.6}
LLAMA = {"precision": "f32", "policy": "interleaved", "context": 512, "resident_adapters": 2}
ENGINES = {
    "multilora": (MultiloraSettings, TIGHT),
    "prefixes": (MultiloraSettings, TIGHT | {"kv_tokens": 80, "prefix_cache": True}),
    "llama_cpp": (LlamaCppSettings, LLAMA | {"max_batch_size": 3}),
    "grouped": (LlamaCppSettings, LLAMA | {"policy": "grouped", "max_batch_size": 3}),
    "merged": (MergedSettings, {"resident_adapters": 2}),
    "peft_hotswap": (PeftHotswapSettings, {"resident_adapters": 2, "max_batch_size": 3}),
    "peft_mixed": (PeftMixedSettings, {"resident_adapters": 2, "max_batch_size": 3}),
}

PLACES = {
    "multilora": {
        "tokenize": (Intake, "prompt"),
        "blocks": (BlockAllocator, "allocate"),
        "acquire": (AdapterCache, "acquire"),
        "prefetch": (AdapterCache, "prefetch"),
        "adapter": (lora.LoadPlan, "load"),
        "batch": (engine, "assemble"),
        "begin": (native.NativeKernels, "begin"),
        "embedding": (embedding.Embedding, "__getitem__"),
        "step": (native_program.NativeProgram, "run"),
        "sample": (TokenSampler, "sample"),
        "detokenize": (Intake, "text"),
    },
    "llama_cpp": {
        "tokenize": (Intake, "prompt"),
        "adapter": (AdapterCache, "require"),
        "switch": "_runner.switch",
        "decode": "_runner.decode",
        "sample": (TokenSampler, "sample"),
        "detokenize": (Intake, "text"),
    },
    "grouped": {"adapter": "_runner._model.load_adapter", "detokenize": (Intake, "text")},
    "merged": {"fold": "_weights.fold", "adapter": (lora_delta, "read_factors")},
    "peft_hotswap": {"switch": "switch", "adapter": (PeftModel, "load_adapter")},
    "peft_mixed": {"adapter": (PeftModel, "add_adapter"), "forward": "base.model.forward"},
}
PLACES["prefixes"] = {
    each: PLACES["multilora"][each] for each in ("blocks", "acquire", "batch", "sample")
}
"""By engine and by what is being done: an owner and its function, or a path from the engine."""


def calls_of(name, place):
    """Which call fails: of ours the first, and one in the midst; an adapter is loaded but once."""
    if ENGINES[name][0] is not MultiloraSettings:
        return (2,)
    return (1,) if place == "adapter" else (1, 3)


CASES = [
    (name, place, at)
    for name, places in PLACES.items()
    for place in places
    for at in calls_of(name, place)
]


@pytest.fixture(scope="module")
def entered(checkpoint, adapters, cache):
    """The engine of a name, entered once, with what it answers before anything goes wrong."""
    known, serving = {}, Serving(checkpoint, adapters, threads=1)

    def get(name, asked, drain, outputs):
        if name not in known:
            kind, values = ENGINES[name]
            extra = {"cache": cache} if kind is LlamaCppSettings else {}
            served = kind(name=name, **values, **extra).build(serving).__enter__()
            known[name] = served, outputs(drain(served, *asked))
        return known[name]

    yield get
    for served, _ in known.values():
        served.close()


def planted(monkeypatch, place, served, at):
    """Makes the call number `at` of that place fail, and counts them."""
    if isinstance(place, str):
        *path, name = place.split(".")
        owner = served
        for each in path:
            owner = getattr(owner, each)
    else:
        owner, name = place
    calls = Counter()
    static = isinstance(inspect.getattr_static(owner, name), classmethod)
    right = getattr(owner, name)

    def wrong(*given, **named):
        calls["all"] += 1
        if calls["all"] == at:
            raise MemoryError("planted")
        return right(*given, **named)

    monkeypatch.setattr(owner, name, staticmethod(wrong) if static else wrong)
    return calls


def drained(served):
    """All events, through whatever is raised on the way; and how often that was."""
    events, raised = [], 0
    for _ in range(10_000):
        if not served.busy:
            return events, raised
        try:
            told = served.step()
        except MemoryError:
            raised += 1
            continue
        events += told
        if not told:
            served.wait(600)
    raise AssertionError("it never comes to an end")


def assert_nothing_is_held(served):
    assert not served.busy
    assert not any(each.pins or each.leases for each in served.adapters.values())
    if isinstance(served, engine.Multilora):
        assert served._blocks.free == served._allocator.blocks
        assert not served.scheduler.open
    elif isinstance(served.settings, LlamaCppSettings):
        assert sorted(served.scheduler.free_slots) == list(range(served.settings.max_batch_size))
        assert not served.scheduler.open
    else:
        assert not served._waiting


@pytest.mark.parametrize(("name", "place", "at"), CASES)
def test_nothing_stays_held_and_the_next_are_served_right(
    name, place, at, entered, request_of, drain, outputs, monkeypatch, same_but_for_near_ties
):
    asked = [request_of(i, each, 4, prompt=i) for i, each in enumerate(NAMES)]
    served, expected = entered(name, asked, drain, outputs)
    with monkeypatch.context() as patch:
        calls = planted(patch, PLACES[name][place], served, at)
        for request in asked:
            served.submit(request)
        events, raised = drained(served)
    assert calls["all"] >= at
    ends = [event for event in events if isinstance(event, Finished)]
    assert sorted(event.request_id for event in ends) == [request.id for request in asked]
    ended = {event.request_id: event.error for event in ends if event.error}
    assert {event.reason for event in ends if event.error} <= {FinishReason.ERROR}
    assert raised == 1 or all("planted" in each for each in ended.values())
    assert raised or ended
    assert_nothing_is_held(served)
    whole = {id_: ids for id_, ids in outputs(events).items() if id_ not in ended}
    assert all(len(ids) == 4 for ids in whole.values())
    again = outputs(drain(served, *asked))
    assert_nothing_is_held(served)
    if isinstance(served, engine.Multilora):
        assert again == expected
        assert whole == {id_: expected[id_] for id_ in whole}
    else:
        same_but_for_near_ties(served, asked, again, expected)
