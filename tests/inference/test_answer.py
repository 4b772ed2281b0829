"""Why an answer ends, and which text it has by then."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inference.answer import Answer
from pipeline.inference.events import FinishReason
from pipeline.inference.sampling_params import SamplingParams
from tests.inference.tokenizers_made import tokenizer

END = frozenset({2})


def told(ids, made=None, **sampling):
    """The pieces up to the answer's end, its reason, and its whole text."""
    answer, pieces, reason = Answer(SamplingParams(**sampling), END, made), [], None
    for id_ in ids:
        piece, reason = answer.add(id_)
        pieces.append(piece)
        if reason:
            break
    return pieces, reason, answer.text


@pytest.mark.parametrize(
    ("sampling", "count", "reason"),
    [
        ({"max_new_tokens": 3}, 3, "length"),
        ({"max_new_tokens": 5}, 5, "stop"),
        ({"max_new_tokens": 9}, 5, "stop"),
        ({"max_new_tokens": 9, "ignore_eos": True}, 7, None),
        ({"max_new_tokens": 9, "ignore_eos": True, "stop_ids": [7]}, 6, "stop"),
        ({"max_new_tokens": 9, "stop_ids": [4]}, 3, "stop"),
        ({"max_new_tokens": 9, "stop_ids": [4], "min_tokens": 3}, 5, "stop"),
        ({"max_new_tokens": 9, "min_tokens": 5}, 7, None),
        ({"max_new_tokens": 3, "min_tokens": 5}, 3, "length"),
    ],
)
def test_an_answer_ends_by_an_end_token_or_its_length(sampling, count, reason):
    pieces, found, text = told([5, 3, 4, 6, 2, 7, 8], **sampling)
    assert (len(pieces), found, text) == (count, reason, "")


@pytest.mark.parametrize(
    ("sampling", "by"),
    [
        ({}, None),  # The model's end token.
        ({"max_new_tokens": 2}, None),
        ({"stop_ids": [4]}, 4),
        ({"stop_ids": [2]}, None),
        ({"stop_ids": [2], "ignore_eos": True}, 2),
        ({"stop_ids": [4], "min_tokens": 3}, None),
    ],
)
def test_what_of_the_requests_own_ended_it_is_told(sampling, by):
    answer = Answer(SamplingParams(**{"max_new_tokens": 9, **sampling}), END, None)
    for id_ in (5, 3, 4, 6, 2):
        assert answer.stopped_by is None
        if answer.add(id_)[1]:
            break
    assert answer.stopped_by == by


def test_so_is_the_stop_string():
    made, ids = encoded("the quick brown fox jumps")
    answer = Answer(SamplingParams(max_new_tokens=50, stop=["xyz", "own f"]), END, made)
    assert any(answer.add(id_)[1] for id_ in ids) and answer.stopped_by == "own f"


def encoded(text):
    made = tokenizer("byte-level")
    return made, made.encode(text, add_special_tokens=False).ids


@settings(deadline=None, max_examples=60)
@given(st.text("ab 漢🙂", max_size=12), st.lists(st.text("ab 漢🙂", min_size=1, max_size=3)))
def test_the_pieces_are_the_text_up_to_the_first_stop_string(text, stops):
    made, ids = encoded(text + "zz")
    pieces, reason, whole = told(
        ids, made, max_new_tokens=len(ids), stop=stops[:3], ignore_eos=True
    )
    assert "".join(pieces) == whole
    found = [text.find(stop) for stop in stops[:3] if stop in text]
    if found:
        assert reason is FinishReason.STOP
        assert len(whole) in [text.find(stop) for stop in stops[:3]]
    else:
        assert (reason, whole) == (FinishReason.LENGTH, text + "zz")


def test_a_stop_string_across_tokens_is_never_seen():
    made, ids = encoded("the quick brown fox jumps")
    pieces, reason, text = told(ids, made, max_new_tokens=50, stop=["own f", "xyz"])
    assert (reason, text) == (FinishReason.STOP, "the quick br")
    assert "".join(pieces) == text


def test_what_was_held_back_comes_with_the_last_token():
    made, ids = encoded("the quick")
    pieces, reason, text = told(ids, made, max_new_tokens=len(ids), stop=["quick brown"])
    assert reason is FinishReason.LENGTH and text == "the quick"
    assert pieces[-1].endswith("quick")


def test_before_min_tokens_stop_strings_are_text_like_any_other():
    made, ids = encoded("a b a b a b")
    pieces, reason, text = told(ids, made, max_new_tokens=50, stop=["b"], min_tokens=4)
    assert (reason, text) == (FinishReason.STOP, "a b a ")
    assert len(pieces) > 4


def test_half_a_character_at_the_end_is_shown_as_what_decoding_makes_of_it():
    made, ids = encoded("a🙂")
    _, reason, text = told(ids[:-1], made, max_new_tokens=len(ids) - 1)
    assert reason is FinishReason.LENGTH
    assert text == made.decode(ids[:-1], skip_special_tokens=False)
