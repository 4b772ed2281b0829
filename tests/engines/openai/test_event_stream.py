"""Events are the same however their bytes are cut, and none is larger than can be kept."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.openai.event_stream import LARGEST, EventStream

SAID = ("Grüße, 世界 😀", "two\nlines", "", " led by a space", "\u2028\x85\x0b")


def told(*pieces):
    stream = EventStream()
    return [each for piece in pieces for each in stream.feed(piece)]


def stream_of(events, line_end):
    text = "".join(
        "".join(f"data: {line}\n" for line in each.split("\n")) + "\n" for each in events
    )
    return text.encode().replace(b"\n", line_end)


@given(
    st.lists(st.sampled_from(SAID), max_size=4),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.sets(st.integers(0, 200)),
)
def test_events_are_the_same_however_they_are_cut(events, line_end, places):
    whole = stream_of(events, line_end)
    cuts = [0, *sorted(each for each in places if each < len(whole)), len(whole)]
    assert told(*(whole[a:b] for a, b in pairwise(cuts))) == events


@given(st.lists(st.binary(max_size=20)))
def test_no_bytes_raise_anything_and_cuts_change_nothing(pieces):
    whole = b"".join(pieces)
    assert told(*pieces) == told(whole) == told(*(whole[at : at + 1] for at in range(len(whole))))


@pytest.mark.parametrize(
    ("came", "events"),
    [
        (b": a comment\n\nevent: x\nid: 3\ndata: a\n\n", ["a"]),
        (b"data:a\n\ndata\n\ndata:  b\n\n", ["a", "", " b"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"\n\n\r\n\r", []),
        (b"data: a\n", []),
        (b"data: a\r\n\ndata: b\n\r\n", ["a", "b"]),
        (b"data: \xff\n\n", ["\ufffd"]),
        (b"database: a\n\n", []),
    ],
)
def test_fields_are_read_as_the_standard_says(came, events):
    assert told(came) == events


def test_an_event_is_there_with_its_last_byte():
    stream = EventStream()
    assert [*stream.feed(b"data: a\r\r")] == ["a"]
    assert [*stream.feed(b"\ndata: b\n")] == []
    assert [*stream.feed(b"\n")] == ["b"]


@pytest.mark.parametrize("piece", [b"x" * 1000, b"data: x\n" * 100, b"data\n" * 100])
def test_what_does_not_end_is_not_kept_for_ever(piece):
    with pytest.raises(ValueError, match="exceeded"):
        told(b"data: ", *(piece for _ in range(1 + LARGEST // 400)))


def test_what_is_forgotten_with_its_event_does_not_count():
    most = b"data: " + b"x" * (LARGEST - 100) + b"\n\n"
    assert len(told(*[most] * 3)) == 3
    assert told(*[b": kept alive\n\n"] * (LARGEST // 10)) == []
