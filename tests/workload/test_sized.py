"""Prompts of an exact length."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.errors import UsageError
from pipeline.workload.prompts.builtin import FILE
from pipeline.workload.prompts.exact_length import FILLER, ExactLength
from pipeline.workload.prompts.sized import Sized
from pipeline.workload.randomness import below

ASSETS = Path(__file__).parents[2] / "pipeline" / "assets"
TOKENIZER = Tokenizer.from_file(str(ASSETS / "tiny" / "base" / "tokenizer.json"))


@given(tokens=st.integers(1, 80), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_sized_prompts_have_exactly_that_many_tokens(tokens, seed):
    def encode(text):
        return TOKENIZER.encode(text).ids

    drawn = Sized(name="s", tokens=tokens).draw(3, Random(seed), encode)
    assert [len(encode(each)) for each in drawn] == [tokens] * 3


def one_word_after_another(tokens, rng, encode):
    words, text = FILE.read_text("utf-8").split(), ""
    while len(encode(longer := f"{text} {words[below(rng, len(words))]}")) <= tokens:
        text = longer
    return text + FILLER * (tokens - len(encode(text)))


@given(tokens=st.integers(1, 200), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_words_added_in_bulk_are_those_added_one_by_one(tokens, seed):
    def encode(text):
        return TOKENIZER.encode(text).ids

    bulk = ExactLength(encode).prompt(tokens, Random(seed))
    assert bulk == one_word_after_another(tokens, Random(seed), encode)


def test_a_length_that_a_tokenizer_cannot_meet_is_refused():
    with pytest.raises(UsageError, match="5 tokens"):
        Sized(name="s", tokens=5).draw(1, Random(0), lambda text: text.split() * 2)


@pytest.mark.parametrize("most", [0, 3, 40])
def test_a_tokenizer_that_cuts_ends_the_search(most):
    def cutting(text):
        return TOKENIZER.encode(text).ids[:most]

    with pytest.raises(UsageError, match=f"only {most} of .* words, as if it cut them off"):
        Sized(name="s", tokens=50).draw(1, Random(0), cutting)
