"""Chunks as the arrays llama.cpp reads."""

import ctypes

from hypothesis import given, settings
from hypothesis import strategies as st
from llama_cpp import llama_batch

from pipeline.engines.llama_cpp.batch import Batch, Flat, SlotChunk

CHUNKS = st.lists(
    st.builds(
        lambda slot, start, tokens, outputs: SlotChunk(
            slot, start, tokens, min(outputs, len(tokens))
        ),
        st.integers(0, 255),
        st.integers(0, 4000),
        st.lists(st.integers(0, 150_000), min_size=1, max_size=9),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(CHUNKS)
def test_llama_cpp_reads_what_was_asked(chunks):
    batch = Batch(64, llama_batch)
    batch.fill(Flat.of(chunks))
    rows = [
        (token, chunk.start + i, chunk.slot, i >= len(chunk.tokens) - chunk.outputs)
        for chunk in chunks
        for i, token in enumerate(chunk.tokens)
    ]
    struct = batch.struct
    assert struct.n_tokens == len(rows)
    for i, row in enumerate(rows):
        assert struct.n_seq_id[i] == 1
        assert (struct.token[i], struct.pos[i], struct.seq_id[i][0], struct.logits[i]) == row
        assert ctypes.addressof(struct.seq_id[i].contents) != ctypes.addressof(
            struct.seq_id[(i + 1) % 64].contents
        )


@settings(deadline=None)
@given(CHUNKS, st.integers(1, 20))
def test_pieces_laid_end_to_end_are_the_whole(chunks, size):
    whole = Flat.of(chunks)
    pieces = list(whole.pieces(size))
    assert all(0 < len(piece.tokens) <= size for piece in pieces)
    for part in ("tokens", "positions", "slots", "wanted"):
        joined = [value for piece in pieces for value in getattr(piece, part)]
        assert joined == list(getattr(whole, part))
