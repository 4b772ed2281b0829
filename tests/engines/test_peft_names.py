"""PEFT serves an adapter whatever it is called."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.engines.settings import Serving
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings

IDS, GIVEN = [5, 6, 7, 40], [8, 9]
NAMES = (
    *("llama-3.1-csv-lora", "sql.v2", "keys", "model", "layers", "__base__", "default", "weight"),
    *("lora_A", "lora_B.weight", "base_layer", "q_proj", "active_adapter", "0", "a/b", "served_1"),
    *("training", "forward", "pop", "é", " ", ".", "..", "*", "base_model.model.model"),
)


@pytest.fixture(
    scope="module", params=[PeftHotswapSettings, PeftMixedSettings], ids=["hotswap", "mixed"]
)
def engine(request, checkpoint, adapters):
    """An engine that keeps two adapters, and has been given none yet."""
    serving = Serving(checkpoint, {}, threads=1)
    with request.param(name="peft", resident_adapters=2).build(serving) as entered:
        yield entered


@pytest.fixture(scope="module")
def expected(engine, adapters):
    """What `csv` and `sql` say under plain names."""
    return [named(engine, adapters["csv"], "one"), named(engine, adapters["sql"], "two")]


def named(engine, adapter, name):
    engine.adapters.add(name, replace(adapter, name=name))
    return engine.score(name, IDS, GIVEN)


@settings(
    deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(min_size=1) | st.sampled_from(NAMES), min_size=2, max_size=2, unique=True))
@example(list(NAMES[:2]))
@example(list(NAMES[2:4]))
@example(list(NAMES[4:6]))
@example(list(NAMES[6:8]))
@example(["a", "a.b"])
@example(["lora_A", "lora_B.weight"])
def test_any_two_names_keep_their_adapters_apart(engine, adapters, expected, names):
    for name in ("one", "two"):  # They take the places of those that came before.
        engine.score(name, IDS, GIVEN)
    found = [
        named(engine, adapters[file], name)
        for file, name in zip(("csv", "sql"), names, strict=True)
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert not np.allclose(found[0], found[1])
