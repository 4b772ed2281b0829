"""Where tokens begin, held against what their tokenizer makes of all that stand before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from pipeline.places import ASSETS
from pipeline.serve.text_places import TextPlaces

BYTES = Tokenizer.from_file(str(ASSETS / "tiny" / "base" / "tokenizer.json"))
WORDS = Tokenizer(models.WordLevel({"▁a": 0, "▁b": 1, "c": 2, "<s>": 3}, unk_token="c"))
WORDS.decoder = decoders.Metaspace()


@given(st.text(max_size=30))
def test_of_bytes(text: str) -> None:
    """Half a character has no length yet."""
    ids = BYTES.encode(text, add_special_tokens=False).ids
    whole = [BYTES.decode(ids[:n], skip_special_tokens=False) for n in range(len(ids))]
    if "\ufffd" not in text:
        begins = [len(each.rstrip("\ufffd")) for each in whole]
        assert TextPlaces(BYTES, 0, ()).of(ids) == begins


@pytest.mark.parametrize("pieces", [[[0, 1, 2, 1]], [[0], [1, 2], [1]], [[3, 0, 1], [3, 2, 1]]])
def test_of_words_whose_first_space_is_left_out(pieces: list[list[int]]) -> None:
    """`a bc b`, after ten other characters, in as many pieces as it comes."""
    places = TextPlaces(WORDS, 10, {3})
    found = [each for ids in pieces for each in zip(ids, places.of(ids), strict=True)]
    assert [place for id_, place in found if id_ != 3] == [10, 11, 13, 14]
