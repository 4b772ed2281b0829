"""Labels for little room are still told apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.compare.labels import abridged, cut, printable

WIDE = "\u6f22"
"""A letter of two columns."""

labels = st.lists(st.text(max_size=40), max_size=8, unique=True)


@settings(max_examples=40)
@given(labels, st.integers(6, 40))
def test_cut_labels_fit_and_no_two_are_alike(whole: list[str], width: int) -> None:
    found = cut(whole, width)
    assert list(found) == whole
    assert len({*found.values()}) == len(whole)
    assert all(cell_len(each) <= width for each in found.values())


@pytest.mark.parametrize(
    ("whole", "width", "short"),
    [
        (("engine one", "engine two"), 30, ["engine one", "engine two"]),
        (("/a/b/c/mooncake.csv", "/a/b/c/azure.csv"), 13, ["/a/b/c…ke.csv", "/a/b/c…re.csv"]),
        (("/a/b/c/mooncake_trace", "/a/b/c/azure_trace"), 10, ["…/mooncak…", "…/azure_t…"]),
        (("x" * 40 + "1", "x" * 40 + "2"), 9, ["xxxx…xxx1", "xxxx…xxx2"]),
        (("1" + "x" * 40, "2" + "x" * 40), 9, ["1xxx…xxxx", "2xxx…xxxx"]),
        (("y" * 9 + "1" + "x" * 9, "y" * 9 + "2" + "x" * 9), 6, ["yy…y1…", "yy…y2…"]),
        (
            ("\u6f22" * 9 + "1", "\u6f22" * 9 + "2"),
            8,
            ["\u6f22\u6f22…\u6f221", "\u6f22\u6f22…\u6f222"],
        ),
    ],
)
def test_what_is_cut_is_the_middle(whole: tuple[str, ...], width: int, short: list[str]) -> None:
    assert [*cut(whole, width).values()] == short


def test_what_steers_a_terminal_is_a_space() -> None:
    assert printable("a\x1b[31m\nb\udcff\u6f22") == "a [31m b \u6f22"


def test_a_few_of_many() -> None:
    assert abridged(["a", "b"], ", ") == "a, b"
    assert abridged(list("abcde"), ", ") == "a, b, c and 2 more"
