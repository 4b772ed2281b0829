"""Which tokens an answer is and when each was there, by whatever the server says of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.openai.chunk import StreamChunk, read_chunk
from pipeline.engines.openai.reply import ServerReply, tokens_of
from pipeline.inference.events import UNKNOWN

TEXT = "The quick brown fox"


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return checkpoint.tokenizer()


def reply(*chunks):
    return ServerReply(0.0, [StreamChunk(float(at), **each) for at, each in enumerate(chunks, 1)])


def pieces(tokenizer):
    """The text, cut at its tokens."""
    found = tokenizer.encode(TEXT, add_special_tokens=False)
    return found.ids, [TEXT[a:b] for a, b in found.offsets]


def test_the_servers_ids_count_whatever_the_text_says(tokenizer):
    found = tokens_of(reply({"text": "", "ids": (9, 8)}, {"text": "x", "ids": (7,)}), tokenizer)
    assert (found.ids, found.stamps, found.known) == ((9, 8, 7), (1, 1, 2), "ids")
    assert not found.deviates
    other = tokens_of(reply({"ids": (9, 8)}, {"finish": "stop", "output_tokens": 3}), tokenizer)
    assert (other.ids, other.deviates) == ((9, 8, UNKNOWN), True)


def test_tokens_that_a_server_counted_and_did_not_tell_are_there_with_the_next(tokenizer):
    """As llama-server answers where a token ends within a character."""
    held = (
        {"text": "a", "ids": (9,), "output_tokens": 1},
        {"text": "é", "ids": (7,), "output_tokens": 3},
    )
    found = tokens_of(reply(*held, {"finish": "length", "output_tokens": 4}), tokenizer)
    assert (found.ids, found.stamps) == ((9, UNKNOWN, 7, UNKNOWN), (1, 2, 2, 3))
    assert found.deviates and found.known == "ids"


def test_a_chunk_a_token_where_there_are_as_many(tokenizer):
    ids, texts = pieces(tokenizer)
    chunks = [{"text": each} for each in texts]
    found = tokens_of(reply(*chunks, {"output_tokens": len(ids)}), tokenizer)
    assert (list(found.ids), found.known, found.deviates) == (ids, "counted", False)
    assert found.stamps == tuple(range(1, len(ids) + 1))


def test_counts_that_go_on_say_how_many_a_chunk_has(tokenizer):
    ids, _ = pieces(tokenizer)
    chunks = [{"text": TEXT[:5], "output_tokens": 1}, {"text": TEXT[5:], "output_tokens": len(ids)}]
    assert tokens_of(reply(*chunks), tokenizer).stamps == (1, *[2] * (len(ids) - 1))


def test_the_end_token_that_a_text_lacks_is_the_models_own_where_it_has_one(tokenizer):
    ids, _ = pieces(tokenizer)
    chunks = reply({"text": TEXT}, {"finish": "stop", "output_tokens": len(ids) + 1})
    assert tokens_of(chunks, tokenizer, frozenset({2})).ids == (*ids, 2)
    assert tokens_of(chunks, tokenizer, frozenset({2, 3})).ids == (*ids, UNKNOWN)
    assert tokens_of(chunks, tokenizer, frozenset({2, 3})).deviates


def test_tokens_that_no_text_shows_are_counted_all_the_same(tokenizer):
    found = tokens_of(reply({"finish": "length", "output_tokens": 3}), tokenizer)
    assert (found.ids, len(found.stamps), found.deviates) == ((UNKNOWN,) * 3, 3, True)


def test_nothing_came(tokenizer):
    assert tokens_of(reply(), tokenizer).ids == ()


COUNT = st.none() | st.integers(0, 12)
SAID = st.tuples(st.text("ab c😀", max_size=6), COUNT)
IDS = st.none() | st.lists(st.integers(0, 9), max_size=3)


@given(st.lists(st.tuples(SAID, IDS), max_size=6), COUNT)
def test_whatever_was_said_each_token_has_a_stamp_and_they_are_in_order(tokenizer, told, total):
    said = [each for each, _ in told]
    chunks = [
        {"text": text, "output_tokens": count, "ids": None if ids is None else tuple(ids)}
        for (text, count), ids in told
    ]
    found = tokens_of(reply(*chunks, {"finish": "length", "output_tokens": total}), tokenizer)
    assert len(found.ids) == len(found.stamps)
    assert list(found.stamps) == sorted(found.stamps)
    counts = [each for each in (*(count for _, count in said), total) if each is not None]
    if counts and found.known == "ids":
        assert len(found.ids) >= max(counts)
    elif counts:
        assert len(found.ids) == counts[-1]


@pytest.mark.parametrize(
    ("logprobs", "ids"),
    [
        ({"content": [{"id": 5, "token": "a"}, {"id": 6}]}, (5, 6)),
        ({"tokens": ["token_id:5", "token_id:6"], "token_logprobs": [0, 0]}, (5, 6)),
        ({"content": [{"token": "token_id:7"}]}, (7,)),
        ({"tokens": ["a"]}, None),
        ({"content": [{"token": "a"}]}, None),
        (None, None),
    ],
)
def test_ids_beside_log_probabilities(logprobs, ids):
    said = json.dumps({"choices": [{"text": "ab", "logprobs": logprobs}]})
    assert read_chunk(said, 0.0).ids == ids


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ({"usage": {"completion_tokens": 2, "prompt_tokens": 5}}, (2, 5)),
        ({"timings": {"predicted_n": 3, "prompt_n": 1}}, (3, None)),
        ({"usage": None, "timings": {"predicted_n": 3}}, (3, None)),
        ({"timings": {"predicted_n": -1}}, (None, None)),
        ({"timings": [], "usage": []}, (None, None)),
    ],
)
def test_counts_are_the_usages_or_llama_servers_own(said, counts):
    found = read_chunk(json.dumps({"choices": []} | said), 0.0)
    assert (found.output_tokens, found.prompt_tokens) == counts


@pytest.mark.parametrize(
    ("said", "cached"),
    [
        ({"usage": {"prompt_tokens_details": {"cached_tokens": 4}}}, 4),
        ({"usage": {"prompt_tokens_details": None}, "timings": {"cache_n": 0}}, 0),
        ({"timings": {"cache_n": 3}}, 3),
        ({"usage": {"prompt_tokens_details": {"cached_tokens": "4"}}}, None),
        ({"usage": {"prompt_tokens": 4}, "timings": {"prompt_n": 1}}, None),
    ],
)
def test_what_was_found_of_a_prompt_is_the_usages_or_llama_servers_own(said, cached):
    found = read_chunk(json.dumps({"choices": []} | said), 0.0)
    assert found.cached_tokens == cached
