"""What a name stood for when a request came is what answers it, whatever the name means later."""

import shutil
from threading import Event as Flag
from threading import Semaphore, Thread

import pytest

from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.settings import Serving
from pipeline.inference.events import Finished
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams

PATIENCE = 600
HABITS = ("sql", "verse")
RELOADS, ASKED, TOKENS = 6, 24, 16


@pytest.fixture
def entered(checkpoint):
    def build(adapters, **settings):
        chosen = {"name": "multilora", "kv_tokens": 1024, "prefix_cache": True, **settings}
        return MultiloraSettings(**chosen).build(Serving(checkpoint, adapters, threads=1))

    return build


@pytest.fixture
def ask(checkpoint):
    """Requests that begin alike over some blocks of keys and values, and end unlike."""
    tokenizer = checkpoint.tokenizer()

    def request(id_, adapter, ending=0):
        planets = "The table of all the planets, their moons and their years. " * 3
        text = f"{planets}{ending} of them."
        params = SamplingParams(max_new_tokens=TOKENS, ignore_eos=True)
        return Request(id_, adapter, None, tuple(tokenizer.encode(text).ids), params)

    return request


@pytest.fixture
def right(entered, adapters, ask, drain, outputs):
    """What each habit answers to each ending, by itself, nothing found."""
    with entered({name: adapters[name] for name in HABITS}, prefix_cache=False) as engine:
        asked = [ask((name, ending), name, ending) for name in HABITS for ending in range(3)]
        found = outputs(drain(engine, *asked))
    assert all(found["sql", each] != found["verse", each] for each in range(3))
    return found


def finish(engine):
    events = []
    while engine.busy:
        told = engine.step()
        events += told
        if not told:
            engine.wait(PATIENCE)
    return events


def failures(events):
    return {e.request_id: e.error for e in events if isinstance(e, Finished) and e.error}


@pytest.fixture
def gated(monkeypatch):
    """Holds up an engine's loads until it is told to go on."""
    flag = Flag()

    def hold(engine):
        load = engine.cache._load
        monkeypatch.setattr(engine.cache, "_load", lambda file: flag.wait(PATIENCE) and load(file))
        return flag

    yield hold
    flag.set()


def test_under_load_every_answer_is_of_one_generation_that_its_name_stood_for(
    entered, adapters, ask, right, outputs
):
    """Of those from when it was sent until it was answered; keys and values never mix."""
    begun, ended, spans = [1], [1], {}
    places, turns = Semaphore(6), Semaphore(0)
    with entered({"hot": adapters["sql"]}, max_batch_size=4, adapter_memory_mb=2.0) as engine:

        def reload():
            for turn in range(1, RELOADS + 1):
                assert turns.acquire(timeout=PATIENCE)
                begun[0] += 1
                engine.add_adapter("hot", adapters[HABITS[turn % 2]].folder)
                ended[0] += 1

        def send():
            for number in range(ASKED):
                assert places.acquire(timeout=PATIENCE)
                spans[number] = ended[0]
                engine.submit(ask(number, "hot", number % 3))

        threads = [Thread(target=each) for each in (reload, send)]
        for each in threads:
            each.start()
        events, latest = [], {}
        while len(latest) < ASKED:
            events += (told := engine.step())
            for event in [each for each in told if isinstance(each, Finished)]:
                latest[event.request_id] = begun[0]
                places.release()
                if len(latest) % 4 == 1:
                    turns.release()
            if not told:
                engine.wait(PATIENCE)
        for each in threads:
            each.join(PATIENCE)
        events += finish(engine)
        engine.submit(ask("last", "hot"))
        events += finish(engine)
        held = [each.current for each in engine.cache.held]
        cached = engine.kv_counts.cached_tokens
    found = outputs(events)
    for number in range(ASKED):
        meant = {HABITS[at % 2] for at in range(spans[number] - 1, latest[number])}
        assert found[number] in [right[name, number % 3] for name in meant], number
    assert found["last"] == right[HABITS[RELOADS % 2], 0]
    assert held == [True]
    assert cached > 0


def test_a_reload_while_the_first_load_is_in_flight(entered, adapters, ask, right, outputs, gated):
    with entered({}) as engine:
        flag = gated(engine)
        engine.add_adapter("late", adapters["sql"].folder)
        engine.submit(ask("old", "late"))
        engine.step()
        engine.add_adapter("late", adapters["verse"].folder)
        engine.submit(ask("new", "late"))
        engine.step()
        assert len(engine.cache.held) == 2
        flag.set()
        found = outputs(finish(engine))
        assert [each.current for each in engine.cache.held] == [True]
    assert found == {"old": right["sql", 0], "new": right["verse", 0]}


def test_removed_while_it_loads_and_while_it_runs_and_added_again(
    entered, adapters, ask, right, outputs, gated
):
    folder = adapters["sql"].folder
    with entered({}) as engine:
        flag = gated(engine)
        engine.add_adapter("late", folder)
        engine.submit(ask("loads", "late"))
        engine.step()
        engine.remove_adapter("late")
        engine.submit(ask("refused", "late"))
        events = engine.step()
        flag.set()
        events += finish(engine)
        assert engine.cache.held == []
        engine.add_adapter("late", folder)
        engine.submit(ask("runs", "late"))
        while not any(each.output for each in engine.scheduler.running):
            events += engine.step()
            if not engine.scheduler.running:
                engine.wait(PATIENCE)
        engine.remove_adapter("late")
        engine.add_adapter("late", adapters["verse"].folder)
        engine.submit(ask("again", "late"))
        before = engine.kv_counts.cached_tokens
        events += finish(engine)
        assert engine.kv_counts.cached_tokens == before
    assert [*failures(events)] == ["refused"]
    found = outputs(events)
    assert found.pop("refused") == []
    assert found == {
        "loads": right["sql", 0],
        "runs": right["sql", 0],
        "again": right["verse", 0],
    }


def test_what_is_written_in_its_place_is_another_adapter(
    entered, adapters, ask, right, outputs, tmp_path
):
    """It left memory and is loaded again: what was cached of the one must not meet the other."""
    folder = tmp_path / "with a space"
    shutil.copytree(adapters["markdown"].folder, folder)
    with entered({}, adapter_memory_mb=0.8) as engine:
        engine.add_adapter("mine", folder)
        engine.add_adapter("other", adapters["verse"].folder)
        for id_, name in enumerate(("mine", "other")):
            engine.submit(ask(id_, name))
            assert failures(finish(engine)) == {}
        assert [each.name for each in engine.cache.held] == ["other"]
        for each in adapters["verse"].folder.iterdir():
            shutil.copy(each, folder / each.name)
        engine.submit(ask("changed", "mine"))
        (why,) = failures(finish(engine)).values()
        assert "written anew since the adapter was added; add it again" in why
        engine.add_adapter("mine", folder)
        engine.submit(ask("anew", "mine"))
        assert outputs(finish(engine))["anew"] == right["verse", 0]
