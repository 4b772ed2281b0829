"""What can't be answered is an error, and never ends the engine."""

import logging

import pytest

from pipeline.engines.settings import Serving
from pipeline.engines.transformers.merged import MergedSettings
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.inference.events import Finished, Token
from pipeline.inference.failure import ends_the_run, failed, out_of_memory, refusal

ENGINES = {
    "peft_hotswap": PeftHotswapSettings,
    "peft_mixed": PeftMixedSettings,
    "merged": MergedSettings,
}
STATIC = pytest.mark.parametrize("name", ENGINES)


@pytest.fixture(scope="module")
def entered(checkpoint, adapters):
    """Enters a static engine by its name."""

    def build(name, **settings):
        serving = Serving(checkpoint, adapters, threads=1)
        return ENGINES[name](name=name, **settings).build(serving)

    return build


def ends(events):
    return {event.request_id: event for event in events if isinstance(event, Finished)}


@STATIC
def test_a_never_given_adapter_is_an_error_and_its_neighbours_are_served(
    name, entered, request_of, drain, outputs
):
    with entered(name) as engine:
        events = drain(engine, request_of(0, "sql"), request_of(1, "nobody"), request_of(2, None))
        counts = engine.adapter_counts
    finished = ends(events)
    assert [finished[i].error is None for i in range(3)] == [True, False, True]
    assert "nobody" in finished[1].error
    assert {id_: len(ids) for id_, ids in outputs(events).items()} == {0: 6, 1: 0, 2: 6}
    assert counts.lookups == 1


@STATIC
def test_an_error_ends_its_requests_and_not_the_engine(
    name, entered, request_of, drain, outputs, monkeypatch, caplog
):
    with entered(name) as engine:
        expected = outputs(drain(engine, request_of(0, "sql")))
        with monkeypatch.context() as patched:
            patched.setattr(engine, "generate", lambda *_: 1 / 0)
            events = drain(engine, request_of(1, "sql"))
        assert outputs(drain(engine, request_of(0, "sql"))) == expected
    assert ends(events)[1].error == "ZeroDivisionError: division by zero"
    assert not [event for event in events if isinstance(event, Token)]
    assert "Traceback" in caplog.text


def test_half_a_switch_is_not_taken_for_a_whole_one(
    entered, request_of, drain, outputs, monkeypatch
):
    with entered("merged") as engine:
        expected = outputs(drain(engine, request_of(0, None)))
        fold = engine._weights.fold

        def fold_and_fail(factors):
            fold(factors)
            raise RuntimeError("halfway")

        with monkeypatch.context() as patched:
            patched.setattr(engine._weights, "fold", fold_and_fail)
            assert ends(drain(engine, request_of(1, "sql")))[1].error
        assert outputs(drain(engine, request_of(0, None))) == expected


def test_an_adapter_that_cant_be_loaded_leaves_the_base_model_pristine(
    entered, request_of, drain, outputs, monkeypatch
):
    with entered("merged", resident_adapters=1) as engine:
        expected = outputs(drain(engine, request_of(0, None)))
        drain(engine, request_of(1, "sql"))
        with monkeypatch.context() as patched:
            patched.setattr(engine.cache, "_load", lambda _: 1 / 0)
            assert ends(drain(engine, request_of(2, "verse")))[2].error
        assert outputs(drain(engine, request_of(0, None))) == expected


def test_adapters_that_dont_fit_beside_each_other_take_turns(entered, request_of, drain, outputs):
    asked = [request_of(i, name) for i, name in enumerate(["sql", None, "verse", "sql", None])]
    with entered("peft_mixed", resident_adapters=1) as engine:
        events = drain(engine, *asked)
        counts = engine.adapter_counts
    assert {each.error for each in ends(events).values()} == {None}
    assert {len(ids) for ids in outputs(events).values()} == {6}
    assert (counts.loads, counts.evictions) == (4, 3)


def follows(error, cause):
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        follows(SystemError("initialization failed"), MemoryError()),
    ],
)
def test_running_out_of_memory_ends_the_run(error):
    assert out_of_memory(error)
    assert ends_the_run(error)
    assert not ends_the_run(ValueError("of one request"))


def test_an_error_is_told_in_one_line_and_logged_whole(request_of, caplog):
    caplog.set_level(logging.ERROR)
    try:
        raise ValueError("one\ntwo")
    except ValueError as error:
        (end,) = failed([request_of(7, None)], error)
    assert (end.request_id, end.error) == (7, "ValueError: one two")
    assert "7" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(("adapter", "known"), [(None, True), ("sql", True), ("sq", False)])
def test_only_given_adapters_and_the_base_are_served(adapter, known, request_of):
    assert (refusal(request_of(0, adapter), {"sql"}) is None) == known
