"""Every native kernel against its reference, over random shapes, and alone against in company."""

import os
from dataclasses import replace
from typing import get_args

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.kernels import layout
from pipeline.kernels.formats import FORMATS, NUMBER_FORMATS, PANEL
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix, panels
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.operands import Activation, HeadNorms, Heads, Turn
from pipeline.kernels.packed_adapter import LoraPart
from pipeline.kernels.reference import ReferenceKernels
from pipeline.kernels.token_batch import Segment, TokenBatch
from tests.kernels.adapters import pack_adapter

NATIVE = NativeKernels(2)
REFERENCE = ReferenceKernels()
FP32, INT8, INT4, INT8_A8 = FORMATS.values()
WEIGHT_FORMATS = st.sampled_from([*FORMATS.values()])
ACTIVATIONS = get_args(Activation)
TOKENS = st.integers(0, 14)
SEEDS = st.integers(0, 2**31)
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}
several = settings(max_examples=int(os.environ.get("KERNEL_EXAMPLES", "25")), deadline=None)


def filled(kernels, values, format):
    out = kernels.activations(*values.shape, format)
    kernels.fill(out, values)
    return out


def output(tokens, columns):
    return torch.zeros(tokens, panels(columns) * PANEL)


@several
@given(WEIGHT_FORMATS, st.integers(1, 200), st.integers(1, 1300), SEEDS)
def test_pack(format, rows, columns, seed):
    weights = torch.randn(rows, columns, generator=torch.manual_seed(seed))
    unpacked = [
        layout.unpack(Matrix(format, rows, columns, kernels.pack([weights], rows, columns, format)))
        for kernels in (NATIVE, REFERENCE)
    ]
    # Of two int4 scales that err equally, rounding may choose either: shares of a block's differ.
    near = 0.01 * weights.abs().max().item()
    same = torch.isclose(*unpacked, rtol=0, atol=near).float().mean()
    errors = [(each - weights).norm() for each in unpacked]
    assert same > 0.95 and errors[0] <= errors[1] * (1 + 1e-5) + 1e-3 * weights.norm()


@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)
def test_zero_weights_and_zero_activations_give_zero(format):
    data = NATIVE.pack([torch.zeros(5, 70)], 5, 70, format)
    out = output(2, 5)
    NATIVE.linear(filled(NATIVE, torch.zeros(2, 70), format), Matrix(format, 5, 70, data), out)
    assert not out.any()


@several
@given(WEIGHT_FORMATS, TOKENS, st.integers(1, 200), st.integers(1, 1300), st.booleans(), SEEDS)
@example(INT4, 14, 200, 1300, True, 0)
@example(INT8, 14, 200, 1300, True, 0)
@example(INT8_A8, 14, 200, 1300, True, 0)
@example(INT4, 70, 130, 768, False, 0)
@example(INT8, 131, 70, 520, True, 0)
def test_linear(format, tokens, rows, columns, biased, seed):
    generator = torch.manual_seed(seed)
    weights = torch.randn(rows, columns, generator=generator) / columns**0.5
    values = torch.randn(tokens, columns, generator=generator)
    bias = torch.randn(panels(rows) * PANEL, generator=generator) if biased else None
    matrix = Matrix(format, rows, columns, NATIVE.pack([weights], rows, columns, format), bias)
    results = []
    for kernels in (NATIVE, REFERENCE):
        results.append(output(tokens, rows))
        kernels.linear(filled(kernels, values, format), matrix, results[-1])
    torch.testing.assert_close(results[0][:, :rows], results[1][:, :rows], atol=1e-3, rtol=1e-3)
    for token in range(tokens):
        alone = output(1, rows)
        NATIVE.linear(filled(NATIVE, values[token : token + 1], format), matrix, alone)
        assert torch.equal(alone[0], results[0][token])


@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_hold_the_largest_numbers(format, sign):
    weights = sign * torch.ones(16, 512)
    matrix = Matrix(format, 16, 512, NATIVE.pack([weights], 16, 512, format))
    values, out = torch.stack([torch.ones(512), -torch.ones(512)]), output(2, 16)
    NATIVE.linear(filled(NATIVE, values, format), matrix, out)
    expected = values @ layout.unpack(matrix).T
    torch.testing.assert_close(out[:, :16], expected, rtol=1e-5, atol=0)


@several
@given(TOKENS, st.integers(1, 700), st.booleans(), SEEDS)
def test_norm(tokens, columns, added, seed):
    generator = torch.manual_seed(seed)
    residual = torch.randn(tokens, columns, generator=generator)
    delta = torch.randn(tokens, columns + 3, generator=generator) if added else None
    weight = torch.randn(columns, generator=generator)
    results = []
    for kernels in (NATIVE, REFERENCE):
        stream, out = residual.clone(), kernels.activations(tokens, columns, FP32)
        kernels.norm(stream, delta, weight, 1e-5, out)
        results.append((stream, out.values))
    torch.testing.assert_close(results[0], results[1], **TOLERANCE)


@several
@given(TOKENS, st.integers(1, 700), WEIGHT_FORMATS, st.sampled_from(ACTIVATIONS), SEEDS)
def test_gate(tokens, columns, format, activation, seed):
    gate_up = torch.randn(tokens, 2 * columns + 5, generator=torch.manual_seed(seed)) * 20
    results = [kernels.activations(tokens, columns, format) for kernels in (NATIVE, REFERENCE)]
    for kernels, out in zip((NATIVE, REFERENCE), results, strict=True):
        kernels.gate(gate_up, out, activation)
    torch.testing.assert_close(results[0].values, results[1].values, **TOLERANCE)


@st.composite
def adapters(draw, columns, widths):
    """An adapter of one site; any projection may be absent."""
    parts, column = [], 0
    generator = torch.manual_seed(draw(SEEDS))
    for width in widths:
        rank = draw(st.one_of(st.just(0), st.integers(1, 40)))
        if rank:
            a = torch.randn(rank, columns, generator=generator) / columns**0.5
            b = torch.randn(width, rank, generator=generator)
            affine = torch.randn(2, width, generator=generator) if draw(st.booleans()) else None
            parts.append(LoraPart(column, a, b, affine))
        column += width
    return pack_adapter([parts], draw(st.sampled_from([*NUMBER_FORMATS.values()])))


@several
@given(st.data())
def test_add_lora(data):
    columns, tokens = data.draw(st.integers(1, 500)), data.draw(TOKENS)
    widths = data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=3))
    cuts = sorted(data.draw(st.lists(st.integers(0, tokens), max_size=4)))
    segments = [
        Segment(data.draw(st.one_of(st.none(), adapters(columns, widths))), start, stop)
        for start, stop in zip([0, *cuts], [*cuts, tokens], strict=True)
    ]
    generator = torch.manual_seed(data.draw(SEEDS))
    values = torch.randn(tokens, columns, generator=generator)
    before = torch.randn(tokens, panels(sum(widths)) * PANEL, generator=generator)
    results = []
    for kernels in (NATIVE, REFERENCE):
        results.append(before.clone())
        step = kernels.begin(*step_of(tokens, segments))
        kernels.add_lora(filled(kernels, values, FP32), step, 0, results[-1])
    torch.testing.assert_close(*results, atol=2e-3, rtol=1e-3)
    for segment in segments:
        for row in range(segment.start, segment.stop):
            alone = before[row : row + 1].clone()
            step = NATIVE.begin(*step_of(1, [Segment(segment.adapter, 0, 1)]))
            NATIVE.add_lora(filled(NATIVE, values[row : row + 1], FP32), step, 0, alone)
            assert torch.equal(alone[0], results[0][row])


def step_of(tokens, segments):
    zeros = torch.zeros(tokens, dtype=torch.int32)
    batch = TokenBatch(zeros, zeros, zeros, torch.zeros(1, 1, dtype=torch.int32), segments, zeros)
    pool = KvPool.of(1, 1, 1, 1, NUMBER_FORMATS["fp32"])
    return batch, torch.zeros(tokens, 1), torch.zeros(tokens, 1), pool


def random_pool(blocks, heads, width, format, generator):
    pool = KvPool.of(blocks, 2, heads, width, format)
    for vectors in (pool.keys, pool.values):
        numbers = torch.randn(vectors.shape, generator=generator)
        vectors.copy_((numbers * 40).clamp(-127, 127) if format.scale_bits else numbers)
    for scales in (pool.key_scales, pool.value_scales):
        scales.copy_(torch.rand(scales.shape, generator=generator) / 40)
    return pool


@several
@given(st.data())
def test_attention_over_the_pool(data):
    keys, group = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 9))
    heads = Heads(keys * group, keys, 2 * data.draw(st.integers(1, 40)))
    length = st.one_of(st.integers(1, 70), st.integers(250, 1400))
    lengths = data.draw(st.lists(length, min_size=1, max_size=4))
    chunks = [data.draw(st.integers(1, min(length, 20))) for length in lengths]
    window = data.draw(st.one_of(st.none(), st.integers(1, 40), st.integers(200, 700)))
    normed = data.draw(st.booleans())
    pairs = data.draw(st.integers(0, heads.width // 2))
    turns = [Turn(0, heads.width // 2), Turn(heads.width // 2 - pairs, pairs)]
    turn = data.draw(st.sampled_from(turns))
    scale, limit = data.draw(st.sampled_from([(None, None), (0.3, None), (None, 5.0)]))
    generator = torch.manual_seed(data.draw(SEEDS))
    blocks = [-(-length // 16) for length in lengths]
    table = torch.zeros(len(lengths), max(blocks), dtype=torch.int32)
    order = torch.randperm(sum(blocks), generator=generator).int()
    for row, count in enumerate(blocks):
        start = sum(blocks[:row])
        table[row, :count] = order[start : start + count]
    sequences = torch.tensor([row for row, count in enumerate(chunks) for _ in range(count)]).int()
    positions = torch.cat(
        [torch.arange(n - c, n) for n, c in zip(lengths, chunks, strict=True)]
    ).int()
    tokens = len(positions)
    format = NUMBER_FORMATS[data.draw(st.sampled_from(["fp32", "fp16", "int8"]))]
    before = random_pool(sum(blocks), keys, heads.width, format, generator)
    qkv = torch.randn(tokens, (heads.queries + 2 * keys) * heads.width + 7, generator=generator)
    angles = torch.rand(max(lengths), heads.width // 2, generator=generator) * 6
    norms = None
    if normed:
        weights = torch.randn(2, heads.width, generator=generator)
        norms = HeadNorms(weights[0].clone(), weights[1].clone(), 1e-6)
    batch = TokenBatch(positions, positions, sequences, table, [], positions[:0])
    results = []
    for kernels in (NATIVE, REFERENCE):
        pool, mine = replace(before, data=before.data.clone()), qkv.clone()
        step = kernels.begin(batch, angles.cos(), angles.sin(), pool)
        kernels.rotate_and_store(mine, step, 1, heads, norms, turn)
        out = kernels.activations(tokens, heads.queries * heads.width, INT8)
        kernels.attend(mine, step, 1, heads, window, out, scale, limit)
        stored = pool.keys.float(), pool.values[..., : heads.width].float()
        results.append((mine, pool.key_scales, pool.value_scales, out.values, stored))
    # Norms that differ in their last bit may lie on either side of a rounding.
    coarse = {"fp32": 1e-3, "fp16": 1e-2, "int8": 1}[format.name]
    torch.testing.assert_close(results[0][4], results[1][4], atol=coarse, rtol=1e-3)
    loose = 2e-2 if normed and format.name != "fp32" else 1e-3
    torch.testing.assert_close(results[0][:4], results[1][:4], atol=loose, rtol=1e-3)
