"""What an engine holds, as whoever watches it is told."""

from threading import Event as Flag

import pytest

from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.noop import NoopSettings
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.inference.events import Admitted
from pipeline.inference.occupancy import Residence
from tests.engines.conftest import TINY

ENGINES = {
    "multilora": (MultiloraSettings, {"kv_tokens": 512, "max_batch_size": 2}),
    "llama_cpp": (LlamaCppSettings, {"precision": "f32", "context": 512, "max_batch_size": 2}),
    "noop": (NoopSettings, {}),
    "peft_mixed": (PeftMixedSettings, {"max_batch_size": 2}),
}
CONTINUOUS = ("multilora", "llama_cpp")


@pytest.fixture
def engine(request, checkpoint, adapters, cache):
    kind, values = ENGINES[request.param]
    extra = {"cache": cache} if kind is LlamaCppSettings else {}
    settings = kind(name=request.param, **values, **extra)
    few = {name: adapters[name] for name in ("csv", "sql")}
    with settings.build(Serving(checkpoint, few, threads=1)) as entered:
        yield entered


def uses(engine):
    return {each.name: each for each in engine.occupancy.adapters}


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_what_is_in_flight_is_counted_until_its_end_is_told(engine, request_of, drain):
    asked = [request_of(number, name) for number, name in enumerate(("csv", "csv", None))]
    for each in asked:
        engine.submit(each)
    assert (engine.occupancy.in_flight, engine.occupancy.running) == (3, {})
    drain(engine)
    after = engine.occupancy
    assert (after.in_flight, after.running, after.waiting) == (0, {}, {})
    assert after.kv_share in (0, None)
    assert after.adapter_counts == engine.adapter_counts


@pytest.mark.parametrize("engine", CONTINUOUS, indirect=True)
def test_who_runs_and_who_waits_is_told_by_adapter(engine, request_of, drain):
    for number, name in enumerate(("csv", "csv", "sql", None)):
        engine.submit(request_of(number, name))
    assert len([each for each in engine.step() if isinstance(each, Admitted)]) == 2
    held = engine.occupancy
    assert (held.running, held.waiting, held.in_flight) == ({"csv": 2}, {"sql": 1, None: 1}, 4)
    assert 0 < held.kv_share <= 1
    csv, sql = held.adapters
    assert (csv.name, csv.residence, csv.pins) == ("csv", Residence.RESIDENT, 2)
    assert (sql.name, sql.pins) == ("sql", 0)
    drain(engine)
    csv, sql = engine.occupancy.adapters
    assert (csv.pins, csv.lookups, csv.hits, sql.lookups) == (0, 2, 2, 1)
    assert csv.loads == 1 and csv.load_s > 0


@pytest.mark.parametrize("engine", ["multilora"], indirect=True)
def test_an_older_generation_is_told_of_while_it_is_in_memory(engine, request_of, drain):
    engine.submit(request_of(0, "csv"))
    engine.step()
    engine.add_adapter("csv", TINY / "adapters" / "verse")
    engine.submit(request_of(1, "csv"))
    engine.step()
    _, csv, older = sorted(engine.occupancy.adapters, key=lambda each: each.name != "sql")
    assert (csv.name, csv.current) == (older.name, not older.current) == ("csv", True)
    assert older.residence is Residence.RESIDENT and older.pins == 1
    drain(engine)
    assert [each.current for each in engine.occupancy.adapters] == [True, True]
    engine.remove_adapter("csv")
    engine.step()
    assert [*uses(engine)] == ["sql"]


def test_a_load_on_its_way_is_told_of_with_its_bytes(checkpoint, adapters, monkeypatch, request_of):
    gate, settings = Flag(), MultiloraSettings(name="multilora", kv_tokens=512)
    with settings.build(Serving(checkpoint, {}, threads=1)) as engine:
        load = engine.cache._load
        monkeypatch.setattr(engine.cache, "_load", lambda file: gate.wait(600) and load(file))
        engine.add_adapter("late", adapters["sql"].folder)
        assert uses(engine)["late"].residence is Residence.DISK
        assert uses(engine)["late"].bytes is None
        try:
            engine.submit(request_of(0, "late"))
            engine.step()
            late = uses(engine)["late"]
            assert (late.residence, late.bytes) == (Residence.LOADING, engine.adapter_bytes)
        finally:
            gate.set()
        while engine.busy:
            engine.wait(600)
            engine.step()
        late = uses(engine)["late"]
        assert (late.residence, late.loads, late.lookups, late.hits) == ("resident", 1, 1, 0)
