"""Pieces of text, put together, are the text; none is taken back, and none is half a character."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inference.detokeniser import (
    ByteDetokeniser,
    WholeDetokeniser,
    WindowDetokeniser,
    detokeniser,
)
from tests.inference.tokenizers_made import KINDS, TEXT, tokenizer

STREAMED = sorted({*KINDS} - {"whole", "ctc"})


def pieces(tokenizer, ids):
    made = detokeniser(tokenizer)
    return [*map(made.add, ids), made.finish()]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=80)
@given(st.data())
def test_pieces_join_to_the_text_of_any_ids(kind, data):
    made = tokenizer(kind)
    usual = st.integers(0, made.get_vocab_size() - 1)
    late = st.integers(max(0, made.get_vocab_size() - 20), made.get_vocab_size() + 2)
    ids = data.draw(st.lists(usual | late, max_size=12))
    assert "".join(pieces(made, ids)) == made.decode(ids, skip_special_tokens=False)


@pytest.mark.parametrize("kind", ["tiny", "byte-level"])
@settings(deadline=None, max_examples=50)
@given(st.text() | st.lists(st.sampled_from([*"ab 漢字é🙂👍🏽\u200d\ufffd\n", *TEXT])).map("".join))
def test_no_piece_is_half_a_character(kind, text):
    made = tokenizer(kind)
    found = pieces(made, made.encode(text, add_special_tokens=False).ids)
    assert "".join(found) == text
    assert "".join(found).count("\ufffd") == text.count("\ufffd")


@pytest.mark.parametrize("kind", STREAMED)
def test_what_is_certain_is_told_at_once(kind):
    made = tokenizer(kind)
    ids = [id_ for word in ("the", "quick", "a", "s", ".") if (id_ := made.token_to_id(word))]
    ids = ids or made.encode("the quick, lazy dog.", add_special_tokens=False).ids
    following = detokeniser(made)
    told = ""
    for count, id_ in enumerate(ids, 1):
        told += following.add(id_)
        assert told == made.decode(ids[:count], skip_special_tokens=False)


def test_bytes_wait_for_the_end_of_their_run_which_a_wrong_one_ruins():
    made = tokenizer("llama")
    euro, wrong = [0xE2, 0x82, 0xAC], [0xFF]
    word = made.token_to_id("the")
    assert pieces(made, [word, *euro, word]) == ["the", "", "", "", "€the", ""]
    assert pieces(made, [word, *euro, *wrong, word])[-2] == "����the"
    assert pieces(made, [word, *euro[:2]]) == ["the", "", "", "��"]


class Counting:
    """A tokenizer that counts the ids it decodes."""

    def __init__(self, made):
        self.decoder, self.id_to_token = made.decoder, made.id_to_token
        self._decode, self.ids = made.decode, 0

    def decode(self, ids, **how):
        self.ids += len(ids)
        return self._decode(ids, **how)


@pytest.mark.parametrize("kind", STREAMED)
@settings(deadline=None, max_examples=10)
@given(st.data())
def test_a_token_costs_no_more_in_a_long_text(kind, data):
    made = tokenizer(kind)
    some = data.draw(st.lists(st.integers(0, made.get_vocab_size() - 1), min_size=1, max_size=5))
    counting = Counting(made)
    ids = (some * 400)[:400]
    assert "".join(pieces(counting, ids)) == made.decode(ids, skip_special_tokens=False)
    assert counting.ids <= 20 * len(ids)


def test_each_kind_is_followed_in_its_own_way():
    kinds = {kind: type(detokeniser(tokenizer(kind))) for kind in KINDS}
    assert {kind for kind, way in kinds.items() if way is WholeDetokeniser} == {"whole", "ctc"}
    assert {kind for kind, way in kinds.items() if way is ByteDetokeniser} == {"tiny", "byte-level"}
    assert kinds["llama"] is kinds["none"] is WindowDetokeniser
