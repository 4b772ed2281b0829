"""Prompts of an exact length."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.errors import UsageError
from pipeline.workload.prompts.sized import Sized

ASSETS = Path(__file__).parents[2] / "pipeline" / "assets"
TOKENIZER = Tokenizer.from_file(str(ASSETS / "tiny" / "base" / "tokenizer.json"))


@given(tokens=st.integers(1, 80), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_sized_prompts_have_exactly_that_many_tokens(tokens, seed):
    def encode(text):
        return TOKENIZER.encode(text).ids

    drawn = Sized(name="s", tokens=tokens).draw(3, Random(seed), encode)
    assert [len(encode(each)) for each in drawn] == [tokens] * 3


def test_a_length_that_a_tokenizer_cannot_meet_is_refused():
    with pytest.raises(UsageError, match="tokens=5"):
        Sized(name="s", tokens=5).draw(1, Random(0), lambda text: text.split() * 2)
