"""The contract of an engine: asked from many threads, woken, cancelled, and never left holding."""

from collections import Counter
from threading import Event as Flag
from threading import Thread

import pytest

from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.noop import NoopSettings
from pipeline.engines.paced.settings import PacedSettings
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.errors import UsageError
from pipeline.inference.events import Admitted, Finished, FinishReason, Token
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams

LLAMA = {"precision": "f32", "context": 512, "max_batch_size": 4}
ENGINES = {
    "multilora": (MultiloraSettings, {"kv_tokens": 512, "max_batch_size": 4, "prefill_tokens": 16}),
    "llama_cpp": (LlamaCppSettings, LLAMA | {"policy": "interleaved"}),
    "grouped": (LlamaCppSettings, LLAMA | {"policy": "grouped"}),
    "noop": (NoopSettings, {}),
    "paced": (PacedSettings, {"law": {"step_s": 1e-3}, "load_s": 0.01, "adapter_ranks": 32}),
    "peft_mixed": (PeftMixedSettings, {"max_batch_size": 4}),
}
NAMES = ("sql", None, "verse", "json")
CLIENTS, EACH, TOKENS = 3, 8, 5
PATIENCE = 600
"""Seconds after which something that should have come is given up."""


@pytest.fixture(scope="module")
def entered(checkpoint, adapters, cache):
    """The engine of a name, entered once."""
    known = {}

    def get(name):
        if name not in known:
            kind, values = ENGINES[name]
            extra = {"cache": cache} if kind is LlamaCppSettings else {}
            settings = kind(name=name, **values, **extra)
            known[name] = settings.build(Serving(checkpoint, adapters, threads=1)).__enter__()
        return known[name]

    yield get
    for engine in known.values():
        engine.close()


def request(id_, adapter=None, tokens=TOKENS, **sampling):
    return Request(
        id_,
        adapter,
        "Say something short.",
        sampling=SamplingParams(max_new_tokens=tokens, ignore_eos=True, **sampling),
    )


def serve(engine, ended, count):
    """Steps and waits, as a server does, until so many have ended; the events, in their order."""
    events = []
    while len(ended) < count:
        told = engine.step()
        events += told
        ended += [event.request_id for event in told if isinstance(event, Finished)]
        if not told:
            assert engine.wait(PATIENCE)
    return events


def assert_in_order(events, id_):
    """Admitted once, then tokens, then one end, after which nothing comes."""
    own = [type(event) for event in events if event.request_id == id_]
    assert own.count(Finished) == 1 and own[-1] is Finished
    assert own.count(Admitted) <= 1
    if Token in own:
        assert own[0] is Admitted and own[1:-1] == [Token] * (len(own) - 2)


@pytest.mark.parametrize("name", ENGINES)
def test_threads_submit_and_cancel_while_another_steps(name, entered):
    engine, cancelled = entered(name), set()

    def client(number):
        for turn in range(EACH):
            id_ = f"{number}.{turn}"
            engine.submit(request(id_, NAMES[turn % 4]))
            if turn % 3 == 0 and engine.cancel(id_):
                cancelled.add(id_)

    clients = [Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for each in clients:
        each.start()
    events = serve(engine, [], CLIENTS * EACH)
    for each in clients:
        each.join()
    ends = {event.request_id: event for event in events if isinstance(event, Finished)}
    assert len(ends) == CLIENTS * EACH
    tokens = Counter(event.request_id for event in events if isinstance(event, Token))
    for id_, end in ends.items():
        assert_in_order(events, id_)
        if end.reason is FinishReason.CANCELLED:
            assert id_ in cancelled and end.error == "cancelled"
        else:
            assert (end.reason, end.error, tokens[id_]) == (FinishReason.LENGTH, None, TOKENS)
            assert end.text
    assert not engine.busy
    assert not engine.step() and not engine.wait(0)


@pytest.mark.parametrize("name", ENGINES)
def test_who_has_nothing_to_do_sleeps_and_is_woken_by_a_request(name, entered):
    engine, ended = entered(name), []
    engine.step()
    stepping = Thread(target=lambda: engine.wait(PATIENCE) and serve(engine, ended, 1))
    stepping.start()
    engine.submit(request("late", tokens=2))
    stepping.join(PATIENCE)
    assert ended == ["late"]


@pytest.mark.parametrize("name", ["multilora", "llama_cpp", "grouped", "noop", "paced"])
def test_a_running_request_is_cancelled_between_two_steps(name, entered):
    engine = entered(name)
    engine.submit(request("long", "sql", tokens=100))
    engine.submit(request("short", "sql", tokens=3))
    events = engine.step()
    while not any(isinstance(event, Token) for event in events):
        events += engine.step()
    assert engine.cancel("long")
    events += serve(engine, [], 2)
    ends = {event.request_id: event.reason for event in events if isinstance(event, Finished)}
    assert ends == {"long": FinishReason.CANCELLED, "short": FinishReason.LENGTH}
    assert not engine.cancel("long")


def test_a_batch_ends_when_all_its_requests_were_cancelled(entered, monkeypatch):
    engine = entered("peft_mixed")
    forward, calls = engine.base.model.forward, Counter()

    def counting(*given, **named):
        calls["forward"] += 1
        if calls["forward"] == 3:
            assert engine.cancel("a") and engine.cancel("b")
        return forward(*given, **named)

    monkeypatch.setattr(engine.base.model, "forward", counting)
    for id_ in "ab":
        engine.submit(request(id_, "sql", tokens=50))
    ends = [event for event in engine.step() if isinstance(event, Finished)]
    assert {end.reason for end in ends} == {FinishReason.CANCELLED}
    assert calls["forward"] < 10


def test_a_slow_load_delays_nobody_who_does_not_need_it(checkpoint, adapters, monkeypatch):
    """Of two that need another adapter and the base model, the latter come and go meanwhile."""
    gate = Flag()
    settings = MultiloraSettings(name="multilora", kv_tokens=512, adapter_memory_mb=1.0)
    with settings.build(Serving(checkpoint, adapters, threads=1)) as engine:
        load = engine.cache._load
        monkeypatch.setattr(engine.cache, "_load", lambda file: gate.wait(PATIENCE) and load(file))
        absent = next(e for e in engine.adapters.values() if not engine.cache.holds(e))
        try:
            engine.submit(request("slow", absent.name))
            assert idle(engine) == []
            before = serve_others(engine) + idle(engine)
        finally:
            gate.set()
        after = serve(engine, [], 1)
    assert not any(event.request_id == "slow" for event in before)
    assert after[-1].request_id == "slow" and after[-1].reason is FinishReason.LENGTH


def idle(engine):
    """Steps until nothing but a load can be waited for; the events until then."""
    events = []
    while engine.wait(0.01):
        events += engine.step()
    return events


def serve_others(engine):
    """Two for the base model, one after the other, the second from another thread."""
    engine.submit(request("first"))
    events = serve(engine, [], 1)
    thread = Thread(target=lambda: engine.submit(request("second")))
    thread.start()
    events += serve(engine, [], 1)
    thread.join()
    return events


def test_what_an_engine_cant_do_is_refused_before_it_begins(entered):
    engine = entered("peft_mixed")
    streamed = Request("s", None, "text", stream=True)
    with pytest.raises(UsageError, match="request 's': this engine can't stream tokens"):
        engine.submit(streamed)
    engine.submit(request("a", tokens=1))
    with pytest.raises(UsageError, match="'a': another with this id is in flight"):
        engine.submit(request("a"))
    assert [e.reason for e in engine.step() if isinstance(e, Finished)] == [FinishReason.LENGTH]
    assert not engine.busy
    noop = entered("noop")
    with pytest.raises(UsageError, match="can't remove adapters while it runs"):
        noop.remove_adapter("sql")


def test_what_was_asked_by_ids_has_a_text_where_it_is_followed(entered, checkpoint):
    engine = entered("noop")
    ids = tuple(checkpoint.tokenizer().encode("Once upon a time.").ids)
    sampling = SamplingParams(max_new_tokens=len(ids), ignore_eos=True)
    engine.submit(Request("plain", None, prompt_ids=ids, sampling=sampling))
    engine.submit(Request("streamed", None, prompt_ids=ids, sampling=sampling, stream=True))
    events = serve(engine, [], 2)
    texts = {event.request_id: event.text for event in events if isinstance(event, Finished)}
    pieces = [e.text for e in events if isinstance(e, Token) and e.request_id == "streamed"]
    assert texts["plain"] is None
    assert texts["streamed"] == "".join(pieces) == "Once upon a time."
