"""Rows of an embedding against the tensor that was stored."""

import os
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from pipeline.engines.multilora.embedding import Embedding
from pipeline.errors import UsageError
from pipeline.models.safetensors_file import stored_tensors

NAME, ROWS = "model.embed_tokens.weight", 9


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A file of an embedding of that type, between two other tensors, and the numbers."""

    def save(dtype):
        path = tmp_path_factory.mktemp("embedding") / "model.safetensors"
        numbers = torch.randn(ROWS, 5, generator=torch.manual_seed(3)).to(dtype)
        save_file({"a": torch.ones(3), NAME: numbers, "z": torch.ones(7)}, path)
        return stored_tensors(path)[NAME], numbers

    return save


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_rows_are_those_of_the_tensor(dtype, stored):
    rows, numbers = stored(dtype)
    embedding = Embedding.open(rows)
    assert embedding.nbytes == numbers.nbytes

    @given(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=20))
    def check(tokens):
        found = embedding[torch.tensor(tokens, dtype=torch.int32)]
        assert found.dtype == dtype and torch.equal(found, numbers[tokens])

    check()


def test_other_types_are_refused_by_name(stored):
    with pytest.raises(UsageError, match=rf"{NAME} is I64; store it as F64, F32, F16"):
        Embedding.open(stored(torch.int64)[0])


def test_a_file_that_was_cut_short_is_never_read_as_zeros(stored):
    rows, numbers = stored(torch.float32)
    embedding = Embedding.open(rows)
    header = 8 + struct.unpack("<Q", rows.path.read_bytes()[:8])[0]
    os.truncate(rows.path, header + 4 * 3 + numbers[:4].nbytes)
    assert torch.equal(embedding[torch.tensor([3])], numbers[3:4])
    with pytest.raises(EOFError, match="cut short"):
        embedding[torch.tensor([3, 4])]
