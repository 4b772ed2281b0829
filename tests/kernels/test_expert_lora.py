"""Adapters of experts: natively in one call, one by one, and in plain PyTorch."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.kernels import program as operations
from pipeline.kernels.formats import NUMBER_FORMATS
from pipeline.kernels.interpreter import InterpretedProgram
from pipeline.kernels.lora_layout import AdapterLayout, LoraShape
from pipeline.kernels.operands import Routing
from pipeline.kernels.packed_adapter import pack_tensors
from pipeline.kernels.token_batch import Segment
from tests.kernels.test_experts import EXPERTS, HIDDEN, MOST, NATIVE, REFERENCE, WIDTH, random, step
from tests.kernels.test_experts import mixture as plain_mixture

SCORES, UP, DOWN = range(3)
DTYPES = ("fp32", "fp16", "int8")


def adapter(dtype, rank, seed, sites=(SCORES, UP, DOWN)):
    """On the router, and on both matrices of each expert."""
    shapes = (
        [LoraShape(0, rank, HIDDEN, EXPERTS)],
        [LoraShape(0, rank, HIDDEN, 2 * WIDTH, experts=EXPERTS)],
        [LoraShape(0, rank + 17, WIDTH, HIDDEN, experts=EXPERTS)],
    )
    shapes = [each if site in sites else [] for site, each in enumerate(shapes)]
    layout = AdapterLayout.of(shapes, NUMBER_FORMATS[dtype])
    drawn = np.random.default_rng(seed)

    def numbers(*shape):
        return drawn.standard_normal(shape).astype(np.float32) / 4

    packed = pack_tensors(layout, [numbers(p["rows"], p["columns"]) for p in layout.places])
    for site, (shape, *_) in ((n, s) for n, s in enumerate(shapes) if s and s[0].experts):
        a = numbers(EXPERTS, shape.rank, shape.inputs)
        packed.put_experts(site, a, numbers(EXPERTS, shape.outputs, shape.rank))
    return packed


def mixture(precision, routing):
    whole = plain_mixture(precision, routing)
    by = {"routes": "routes", "routing": routing}
    after = {
        "scores": operations.AddLora("exact", SCORES, "scores"),
        "gate_up": operations.AddExpertLora(
            "normed", site=UP, out="gate_up", dispatched=False, **by
        ),
        "made": operations.AddExpertLora("gated", site=DOWN, out="made", dispatched=True, **by),
    }
    steps = []
    for each in whole.operations:
        steps.append(each)
        if isinstance(each, operations.Linear | operations.ExpertLinear) and each.out in after:
            steps.append(after[each.out])
    return replace(whole, operations=steps)


def adapted(kernels, tokens, segments):
    there = step(kernels, tokens)
    return kernels.begin(
        replace(there.batch, segments=segments), there.cosines, there.sines, there.pool
    )


def shared_out(tokens, adapters):
    """Every other stretch of tokens without an adapter."""
    edges = [tokens * n // (2 * len(adapters)) for n in range(2 * len(adapters) + 1)]
    pairs = itertools.pairwise(edges)
    return [
        Segment(adapters[n // 2] if n % 2 else None, start, stop)
        for n, (start, stop) in enumerate(pairs)
    ]


@pytest.mark.parametrize("used", [1, 2, EXPERTS])
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_call_is_the_operations_one_by_one_and_what_they_mean(dtype, used):
    routing, adapters = Routing(EXPERTS, used, True), [adapter(dtype, 5, 1), adapter(dtype, 16, 2)]
    adapters.append(adapter(dtype, 3, 3, sites=(DOWN,)))
    whole = mixture("fp32", routing)
    native, stepwise = NATIVE.prepare(whole, MOST), InterpretedProgram(whole, NATIVE)
    for tokens in (MOST, 1, 0, MOST + 60):
        given, segments = random(tokens, HIDDEN, seed=tokens), shared_out(tokens, adapters)
        results = [
            each.run(adapted(NATIVE, tokens, segments), given) for each in (native, stepwise)
        ]
        wanted = REFERENCE.prepare(whole, MOST).run(adapted(REFERENCE, tokens, segments), given)
        assert torch.equal(*results)
        torch.testing.assert_close(results[0], wanted, atol=3e-3, rtol=3e-3)
        unlike = native.run(step(NATIVE, tokens), given)
        assert tokens < 2 or not torch.allclose(unlike, wanted, atol=1e-2)


@pytest.mark.parametrize("precision", ["fp32", "int4"])
def test_a_token_is_the_same_alone_and_in_company(precision):
    routing, adapters = Routing(EXPERTS, 2, False), [adapter("fp16", 5, 1), adapter("int8", 4, 2)]
    native, given = NATIVE.prepare(mixture(precision, routing), 100), random(100, HIDDEN)
    segments = shared_out(100, adapters)
    company = native.run(adapted(NATIVE, 100, segments), given).clone()
    for each in segments:
        for token in (each.start, each.stop - 1):
            alone = adapted(NATIVE, 1, [Segment(each.adapter, 0, 1)])
            assert torch.equal(native.run(alone, given[token : token + 1])[0], company[token])


def test_what_doesnt_fit_is_refused_before_anything_is_done():
    routing, its = Routing(EXPERTS, 2, True), adapter("fp16", 5, 1)
    for field, value in (("stride", 16), ("stride", -1), ("stride", 2**62), ("ranks", 8)):
        sites = its.sites.copy()
        sites[UP][field] = value
        broken = replace(its, layout=replace(its.layout, sites=sites))
        with pytest.raises(ValueError):
            NATIVE.prepare(mixture("fp32", routing), MOST).run(
                adapted(NATIVE, MOST, [Segment(broken, 0, MOST)]), random(MOST, HIDDEN)
            )
