from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.batching.adapter_registry import AdapterGeneration, Lease
from pipeline.engines.multilora.assembly import assemble, by_adapter
from pipeline.engines.paged.sequence import Chunk, PagedSequence
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams


@st.composite
def chunks(draw):
    adapter = draw(st.sampled_from([None, "a", "b", "c"]))
    prompt = draw(st.lists(st.integers(0, 99), min_size=1, max_size=9))
    output = draw(st.lists(st.integers(0, 99), max_size=3))
    request = Request(
        draw(st.integers(0, 99)),
        adapter,
        "",
        tuple(prompt),
        SamplingParams(max_new_tokens=9, ignore_eos=True),
    )
    done = len(prompt) + len(output) - 1 if output else draw(st.integers(0, len(prompt) - 1))
    blocks = tuple(draw(st.lists(st.integers(0, 50), min_size=1, max_size=5)))
    claim = Lease(adapter and AdapterGeneration(adapter, None, weights=adapter), pinned=True)
    sequence = PagedSequence(request, prompt, output, lease=claim, computed=done, blocks=blocks)
    return Chunk(sequence, draw(st.integers(1, sequence.pending)))


@given(st.lists(chunks(), min_size=1, max_size=8))
def test_a_batch_says_what_its_chunks_say(plan):
    step = by_adapter(plan)
    assert sorted(map(id, step)) == sorted(map(id, plan))
    batch = assemble(step)
    row = 0
    for index, chunk in enumerate(step):
        sequence, rows = chunk.sequence, slice(row, row + chunk.count)
        known = sequence.prompt + sequence.output
        places = list(range(sequence.computed, sequence.computed + chunk.count))
        assert batch.tokens[rows].tolist() == [known[place] for place in places]
        assert batch.positions[rows].tolist() == places
        assert set(batch.sequences[rows].tolist()) == {index}
        blocks = batch.block_table[index].tolist()
        assert tuple(blocks[: len(sequence.blocks)]) == sequence.blocks
        (segment,) = [each for each in batch.segments if each.start <= row < each.stop]
        assert segment.adapter is sequence.weights
        assert (rows.stop - 1 in batch.outputs.tolist()) == (chunk.count == sequence.pending)
        row = rows.stop
    assert len(batch.tokens) == row
    assert [0, *(each.stop for each in batch.segments)] == [
        *(each.start for each in batch.segments),
        row,
    ]
    names = [each.adapter for each in batch.segments]
    assert len(names) == len(set(names))
    assert all(a < b for a, b in pairwise(batch.outputs.tolist()))
    tensors = (batch.tokens, batch.positions, batch.sequences, batch.block_table, batch.outputs)
    assert all(each.dtype == torch.int32 for each in tensors)
