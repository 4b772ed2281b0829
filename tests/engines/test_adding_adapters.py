"""Adapters are added, replaced and removed while an engine runs."""

from itertools import takewhile

import pytest

from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.merged import MergedSettings
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings
from pipeline.errors import UsageError
from pipeline.inference.events import Finished
from tests.engines.conftest import TINY

SQL, VERSE = (TINY / "adapters" / name for name in ("sql", "verse"))
ENGINES = {
    "multilora": (MultiloraSettings, {"kv_tokens": 512, "max_batch_size": 3}),
    "llama_cpp": (LlamaCppSettings, {"precision": "f32", "policy": "interleaved", "context": 512}),
    "merged": (MergedSettings, {}),
    "peft_hotswap": (PeftHotswapSettings, {}),
    "peft_mixed": (PeftMixedSettings, {}),
}
LASTING = ("multilora", "llama_cpp")
"""Requests of theirs run for many steps, beside others that come meanwhile."""


@pytest.fixture
def engine(request, checkpoint, adapters, cache):
    kind, values = ENGINES[request.param]
    extra = {"cache": cache} if kind is LlamaCppSettings else {}
    settings = kind(name=request.param, **values, **extra)
    with settings.build(Serving(checkpoint, {"csv": adapters["csv"]}, threads=1)) as entered:
        yield entered


@pytest.fixture
def ask(engine, request_of, drain, outputs):
    """What a request for an adapter is answered, or why it isn't."""
    numbers = iter(range(100))

    def answer(name):
        events = drain(engine, request_of(next(numbers), name))
        (end,) = [event for event in events if isinstance(event, Finished)]
        return end.error or outputs(events)[end.request_id]

    return answer


def agreement(one, other):
    return len([*takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=True))])


def is_nearer(found, right, wrong):
    """Engines that promise no equal bits may choose another token somewhere."""
    return agreement(found, right) > agreement(found, wrong)


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_a_name_stands_for_what_was_last_added_under_it(engine, ask):
    base, csv = ask(None), ask("csv")
    assert "'late' isn't served" in ask("late")
    engine.add_adapter("late", SQL)
    sql = ask("late")
    engine.add_adapter("late", VERSE)
    verse = ask("late")
    engine.add_adapter("again", SQL)
    assert is_nearer(ask("again"), sql, verse)
    assert is_nearer(ask("late"), verse, sql)
    for name in ("late", "again"):
        engine.remove_adapter(name)
        assert f"'{name}' isn't served" in ask(name)
    with pytest.raises(UsageError, match="adapter 'late' isn't served by this engine"):
        engine.remove_adapter("late")
    assert is_nearer(ask(None), base, csv)
    assert is_nearer(ask("csv"), csv, base)
    assert [each.name for each in engine.cache._resident] == ["csv"]
    engine.remove_adapter("csv")
    assert is_nearer(ask(None), base, csv)


@pytest.mark.parametrize("engine", LASTING, indirect=True)
def test_requests_end_with_the_adapter_that_they_began_with(
    engine, ask, request_of, drain, outputs
):
    engine.add_adapter("late", VERSE)
    verse = ask("late")
    engine.add_adapter("late", SQL)
    sql = ask("late")
    engine.submit(request_of(200, "late"))
    events = engine.step()
    engine.add_adapter("late", VERSE)
    engine.submit(request_of(201, "late"))
    events += engine.step()
    engine.remove_adapter("late")
    events += drain(engine, request_of(202, "late"), request_of(203, None))
    errors = {event.request_id: event.error for event in events if isinstance(event, Finished)}
    assert errors == {200: None, 201: None, 202: errors[202], 203: None}
    assert "'late' isn't served" in errors[202]
    found = outputs(events)
    assert is_nearer(found[200], sql, verse)
    assert is_nearer(found[201], verse, sql)
    assert [each.name for each in engine.cache._resident] == ["csv"]


@pytest.mark.parametrize("engine", LASTING, indirect=True)
def test_whose_adapter_is_removed_before_it_is_taken_in_is_told_so(engine, request_of, drain):
    engine.add_adapter("late", SQL)
    engine.submit(request_of(300, "late"))
    engine.remove_adapter("late")
    (end,) = [each for each in drain(engine) if isinstance(each, Finished)]
    assert (end.request_id, end.adapter_unknown) == (300, True)


@pytest.mark.parametrize("engine", ["multilora"], indirect=True)
def test_what_cant_be_served_isnt_added(engine, ask, tmp_path):
    csv = ask("csv")
    with pytest.raises(UsageError):
        engine.add_adapter("csv", tmp_path)
    assert ask("csv") == csv
