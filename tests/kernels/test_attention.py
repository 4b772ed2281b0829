"""What a token's attention depends on: its sequence alone, whoever runs beside it, and on what."""

from itertools import pairwise

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.kernels.formats import FORMATS, NUMBER_FORMATS
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.operands import Heads, Turn
from pipeline.kernels.token_batch import TokenBatch

KERNELS = [NativeKernels(threads) for threads in (1, 2, 3)]
FP32 = FORMATS["fp32"]
LAYER, LAYERS = 1, 2


class Sequences:
    """Some sequences in one pool whose blocks a former owner left full of infinity and NaN."""

    def __init__(self, heads, qkvs, order, format):
        self.heads, self.qkvs = heads, qkvs
        counts = [-(-len(each) // 16) for each in qkvs]
        self.table = torch.zeros(len(qkvs), max(counts), dtype=torch.int32)
        blocks = torch.randperm(sum(counts) + 1, generator=order).int()
        for row, count in enumerate(counts):
            self.table[row, :count] = blocks[sum(counts[:row]) :][:count]
        self.pool = KvPool.of(len(blocks), LAYERS, heads.keys, heads.width, format)
        for each in (self.pool.key_scales, self.pool.value_scales):
            each.fill_(torch.nan)
        self.pool.keys.fill_(100 if format.scale_bits else torch.nan)
        self.pool.values.fill_(100 if format.scale_bits else torch.inf)

    def run(self, kernels, chunks, window):
        """What (row, first, stop) attend to, all in one step."""
        qkv = torch.cat([self.qkvs[row][first:stop] for row, first, stop in chunks]).clone()
        positions = torch.cat([torch.arange(first, stop) for _, first, stop in chunks]).int()
        rows = torch.cat([torch.full((stop - first,), row) for row, first, stop in chunks]).int()
        batch = TokenBatch(positions, positions, rows, self.table, [], positions[:0])
        places = torch.arange(int(positions.max()) + 1).float()
        turns = torch.outer(places, torch.linspace(1, 0.01, self.heads.width // 2))
        step = kernels.begin(batch, turns.cos(), turns.sin(), self.pool)
        kernels.rotate_and_store(qkv, step, LAYER, self.heads, None, Turn(0, self.heads.width // 2))
        out = kernels.activations(len(qkv), self.heads.queries * self.heads.width, FP32)
        kernels.attend(qkv, step, LAYER, self.heads, window, out)
        return out.values.split([stop - first for _, first, stop in chunks])


@st.composite
def cases(draw):
    keys, group = draw(st.integers(1, 2)), draw(st.integers(1, 9))
    heads = Heads(keys * group, keys, 2 * draw(st.integers(1, 20)))
    length = draw(st.one_of(st.integers(1, 600), st.integers(1000, 1700)))
    window = draw(st.one_of(st.none(), st.integers(1, 700)))
    return heads, NUMBER_FORMATS[draw(st.sampled_from([*NUMBER_FORMATS]))], length, window


@settings(max_examples=15, deadline=None)
@given(cases(), st.data(), st.integers(0, 2**31))
@example((Heads(16, 2, 24), NUMBER_FORMATS["int8"], 1650, None), None, 0)
@example((Heads(16, 2, 24), NUMBER_FORMATS["fp32"], 1650, 1300), None, 1)
def test_a_token_depends_on_its_sequence_alone(case, data, seed):
    heads, format, length, window = case
    generator = torch.manual_seed(seed)
    width = (heads.queries + 2 * heads.keys) * heads.width
    mine = torch.randn(length, width, generator=generator)
    neighbour = torch.randn(300, width, generator=generator)
    new = data.draw(st.integers(1, min(length, 60))) if data else 60
    cuts = data.draw(st.lists(st.integers(1, new), max_size=5)) if data else [1, 2, 11, 59]
    (whole,) = Sequences(heads, [mine], generator, format).run(KERNELS[0], [(0, 0, length)], window)
    assert whole.isfinite().all()
    borders = sorted({length - new, *(length - new + cut for cut in cuts), length})
    for kernels in KERNELS:
        both = Sequences(heads, [neighbour, mine], generator, format)
        before = [(0, 0, 250), (1, 0, length - new)][: 1 + (new < length)]
        both.run(kernels, before, window)
        for turn, (first, stop) in enumerate(pairwise(borders)):
            chunks = [(0, 250 + turn, 251 + turn), (1, first, stop)]
            *_, part = both.run(kernels, chunks[turn % 2 :], window)
            assert torch.equal(part, whole[first:stop])


@pytest.mark.parametrize("format", NUMBER_FORMATS)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("column", [8, 16], ids=["key", "value"])
def test_what_is_no_number_is_never_stored_as_one(format, bad, column):
    qkv = torch.ones(20, 24)
    qkv[5, column + 3] = bad
    sequences = Sequences(Heads(1, 1, 8), [qkv], torch.manual_seed(0), NUMBER_FORMATS[format])
    (result,) = sequences.run(KERNELS[0], [(0, 0, 20)], None)
    assert result[:5].isfinite().all()
    assert not result[5:].isfinite().all(-1).any()
