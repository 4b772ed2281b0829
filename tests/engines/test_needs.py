"""What engines say they can't do without is no more than what they then hold."""

import pytest

from pipeline.engines.llama_cpp.settings import LlamaCppSettings
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.merged import MergedSettings
from pipeline.engines.transformers.peft_mixed import PeftMixedSettings


@pytest.fixture(scope="module")
def serving(checkpoint, adapters):
    return Serving(checkpoint, adapters, threads=1)


@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
def test_of_multilora(precision, serving, request_of):
    settings = MultiloraSettings(name="m", precision=precision, kv_tokens=512)
    together = [request_of(0, "sql"), request_of(1, None)]
    weights, adapters, pool, step = (each.bytes for each in settings.needs(serving, together))
    with settings.build(serving) as engine:
        assert 0.7 * engine.weight_bytes < weights <= engine.weight_bytes
        assert 0.7 * engine.adapter_bytes < adapters <= engine.adapter_bytes
        assert 0 < pool <= engine._pool.block_bytes * engine._pool.blocks
    assert step > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_of_a_static_engine(precision, serving):
    settings = MergedSettings(name="m", precision=precision)
    weights, *_ = settings.needs(serving, [])
    with settings.build(serving) as engine:
        assert 0.9 * engine.model_bytes < weights.bytes <= engine.model_bytes


def test_few_resident_adapters_need_less(serving):
    def needed(**settings):
        return sum(
            each.bytes for each in PeftMixedSettings(name="m", **settings).needs(serving, [])
        )

    assert needed(resident_adapters=1) < needed(resident_adapters=3) < needed()


def test_of_llama_cpp_the_cache_is_what_counts(serving, tmp_path):
    def needed(**settings):
        chosen = LlamaCppSettings(name="m", cache=tmp_path, **settings)
        return chosen.needs(serving, [])[0].bytes

    assert needed(context=8192) == 2 * needed(context=4096)
    assert needed(precision="f32") == 2 * needed(precision="f16")
