"""A text ends before the stop string that is complete first, however the text is cut."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.inference.stop import StopMatcher

FEW = st.text("ab\n", max_size=12)
STOPS = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=4)


def cut(text, stops):
    """The text as it should be, by trying every end of it in turn, and what it was cut at."""
    for end in range(1, len(text) + 1):
        if found := [stop for stop in stops if text[:end].endswith(stop)]:
            longest = max(found, key=len)
            return text[: end - len(longest)], longest
    return text, None


@settings(max_examples=100)
@given(st.lists(FEW, max_size=6), STOPS)
@example(["aab"], ["ab", "b"])
@example(["aaa", "ab"], ["aab"])
def test_the_text_is_cut_before_the_first_complete_stop_string(pieces, stops):
    matcher = StopMatcher(stops)
    told = "".join(matcher.add(piece) for piece in pieces)
    told += matcher.finish()
    assert (told, matcher.found) == cut("".join(pieces), stops)


@settings(max_examples=100)
@given(st.lists(FEW, max_size=6), STOPS, FEW)
def test_what_was_told_stays_whatever_comes(pieces, stops, more):
    matcher = StopMatcher(stops)
    told = "".join(map(matcher.add, pieces))
    assert cut("".join(pieces) + more, stops)[0].startswith(told)


@settings(max_examples=100)
@given(st.lists(FEW, max_size=6), STOPS)
def test_nothing_is_held_back_that_cant_become_a_stop_string(pieces, stops):
    matcher = StopMatcher(stops)
    told = "".join(map(matcher.add, pieces))
    held = "".join(pieces)[len(told) :]
    if matcher.found is None:
        assert not held or any(stop.startswith(held) and stop != held for stop in stops)


def test_after_a_stop_string_nothing_comes():
    matcher = StopMatcher(["END"])
    assert [matcher.add("one E"), matcher.add("ND two"), matcher.add("three")] == ["one ", "", ""]
    assert matcher.found == "END" and matcher.finish() == ""
