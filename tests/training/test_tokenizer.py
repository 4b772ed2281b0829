"""Any text survives the tokenizer, and nothing is added to it."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.training.tokenizer import SPECIAL, VOCABULARY


@given(st.text())
@example("  a  b\n\n\tc ,. n't ")
@example("Grüße, 世界 \N{ROCKET} e\u0301 \u200d\x00\ufeff")
@example("<s> </s> <pad>")
def test_decoding_undoes_encoding(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@given(st.text(min_size=1))
def test_ids_are_inside_the_vocabulary(tokenizer: Any, text: str) -> None:
    assert all(0 <= each < VOCABULARY for each in tokenizer(text)["input_ids"])


def test_no_special_token_is_added(tokenizer: Any) -> None:
    ids = tokenizer("import os")["input_ids"]
    assert not set(ids) & set(tokenizer.all_special_ids)
    assert tokenizer("")["input_ids"] == []


def test_the_vocabulary_is_full_and_has_its_special_tokens(tokenizer: Any) -> None:
    assert len(tokenizer) == VOCABULARY
    assert set(tokenizer.all_special_tokens) == set(SPECIAL)
