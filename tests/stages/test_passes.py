"""What a step is taken to need, and which passes of a run are judged."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from pipeline.inference.kv_counts import KvCounts
from pipeline.stages.passes import costs, passes


@pytest.fixture
def tiny(prepared):
    return prepared("+experiment=smoke", "engine=multilora")


@pytest.mark.parametrize(("bytes_per_weight", "bits"), [(4, 32), (2.1, 16), (1.05, 8), (0.6, 8)])
def test_the_width_follows_from_the_weights(tiny, bytes_per_weight, bits):
    base = costs(tiny, 1)
    found = costs(tiny, round(bytes_per_weight * (base.projections + base.head)))
    assert (found.weight_bits, found.adapter_bytes) == (bits, bits // 8)
    shape = tiny.checkpoint.config
    assert found.kv_bytes == 2 * shape.kv_heads * shape.head_dim * bits // 8
    assert sum(found.windows.values()) == shape.layers


def test_an_engine_may_tell_what_a_position_takes(tiny):
    assert costs(tiny, 10**9, 100 * tiny.checkpoint.config.layers).kv_bytes == 100


class _Record(SimpleNamespace):
    """As much of a request's record as tells the passes."""


def test_prompts_that_were_found_computed_are_no_prefill(tiny, monkeypatch):
    from pipeline.stages import passes as module

    request = _Record(
        iteration=0, prompt_tokens=4, adapter=None, submitted=0.0, admitted=0.0, tokens=(1.0, 2.0)
    )
    spent = {f"stage_seconds/{each}": 1.0 for each in ("prefill", "decode", "sample")}
    monkeypatch.setattr(module, "stage_seconds", lambda iterations: spent)
    engine = SimpleNamespace(weight_bytes=10**6, kv_position_bytes=None)

    def kinds(kv):
        timeline = SimpleNamespace(iterations=[SimpleNamespace(kv=kv)], requests=[request])
        return [each.kind for each in passes(tiny, timeline, engine)]

    assert kinds(None) == kinds(KvCounts()) == ["decode", "prefill"]
    assert kinds(replace(KvCounts(), cached_tokens=3)) == ["decode"]
