"""A stream is read alike however it is cut, and no bytes whatever raise anything."""

import asyncio
import json
from contextlib import suppress
from functools import partial
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.openai.chunk import read_chunk
from pipeline.engines.openai.event_stream import MEDIA_TYPE
from pipeline.engines.openai.exchange import exchange, message_of
from tests.engines.openai.conftest import ending, token

STREAM = b": hello\r\n" + b"".join(
    [token("Grüße, 世界 😀", [5, 6]), token("\u2028\n\r", [7]), *ending(3)]
)


class Answer:
    """One whose pieces come as they are given: its own context manager, and its own content."""

    status, content_type, connection = 200, MEDIA_TYPE, None

    def __init__(self, pieces):
        self.pieces, self.content = iter(pieces), self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    async def readany(self):
        return next((each for each in self.pieces if each), b"")


def answered(pieces):
    return asyncio.run(exchange(partial(Answer, pieces), 5, 30))


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(1, len(STREAM) - 1)), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_a_stream_is_read_alike_however_it_is_cut(places, line_end):
    whole = STREAM.replace(b"\r\n", b"\n").replace(b"\n", line_end)
    reply = answered([whole[a:b] for a, b in pairwise([0, *sorted(places), len(whole)])])
    assert reply.error is None
    assert reply.text == "Grüße, 世界 😀\u2028\n\r"
    assert [each.ids for each in reply.chunks[:2]] == [(5, 6), (7,)]
    assert (reply.finish, reply.output_tokens, reply.prompt_tokens) == ("length", 3, 6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=8), st.booleans())
def test_no_bytes_raise_anything(pieces, as_data):
    reply = answered([b"data: %s\n\n" % each for each in pieces] if as_data else pieces)
    assert reply.error


def test_what_comes_together_has_one_stamp():
    first = token("a", [5]) + token("b", [6])
    stamps = [each.at for each in answered([first, token("c", [7]), *ending(3)]).chunks]
    assert stamps[0] == stamps[1] < stamps[2]


KEYS = ("text", "delta", "content", "token_ids", "logprobs", "tokens", "id", "finish_reason")
COUNTS = ("completion_tokens", "prompt_tokens", "message")
LEAF = st.none() | st.integers() | st.text(max_size=3) | st.floats()
INNER = LEAF | st.lists(LEAF, max_size=2) | st.dictionaries(st.sampled_from(KEYS + COUNTS), LEAF)


@settings(max_examples=100, deadline=None)
@given(
    INNER | st.lists(st.dictionaries(st.sampled_from(KEYS), INNER, max_size=3), max_size=2), INNER
)
def test_no_json_raises_anything_else(choices, said):
    for each in ({"choices": choices}, {"usage": said}, {"error": said}):
        with suppress(ValueError):
            chunk = read_chunk(json.dumps(each), 0.0)
            assert "\n" not in (chunk.error or "")


@given(st.binary(max_size=200))
def test_whatever_an_error_says_is_a_line(body):
    assert "\n" not in message_of(body)
    assert len(message_of(body)) <= 300
