"""Names for little room: a few of many, or cut in their middles and still told apart."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from rich.cells import cell_len

ELLIPSIS = "\u2026"

HEADS = (1 / 3, 2 / 3, 1 / 6, 5 / 6, 0.0, 1.0)
"""Shares of the room that the beginning may get where half of it doesn't do."""


def printable(text: str) -> str:
    """The same in one line that any terminal and page takes: what can't be printed is a space."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def abridged(names: Sequence[str], separator: str, most: int = 3) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return separator.join(names[:most]) + more


def cut(labels: Iterable[str], width: int) -> Mapping[str, str]:
    """Each of the labels in at most that many columns of a terminal, no two of them alike.

    What is too long loses its middle. Where beginnings and ends are the same, what all of them
    begin with goes, or end with, or either gets more of the room. Those that are still alike are
    numbered.
    """
    whole = list(dict.fromkeys(labels))
    forms = [(whole, 1 / 2), (_without_start(whole), 1.0)]
    forms += [(form, share) for form in (whole, _without_end(whole)) for share in HEADS]
    tried = [[_without_middle(each, width, share) for each in form] for form, share in forms]
    best = max(tried, key=lambda found: len({*found}))
    return dict(zip(whole, _numbered(best, width), strict=True))


def _without_middle(label: str, width: int, share: float) -> str:
    if cell_len(label) <= width:
        return label
    room = width - cell_len(ELLIPSIS)
    head = _start(label, round(share * room))
    tail = _start(label[::-1], room - cell_len(head))[::-1]
    return f"{head.rstrip()}{ELLIPSIS}{tail.lstrip()}"


def _without_start(labels: Sequence[str]) -> list[str]:
    """The labels from the word on in which they begin to differ."""
    common = max(labels[0].rfind(mark, 0, _shared(labels)) for mark in "/ ") if labels else -1
    return [f"{ELLIPSIS}{label[common:]}" if common > 0 else label for label in labels]


def _without_end(labels: Sequence[str]) -> list[str]:
    """The labels up to what all of them end with."""
    common = _shared([label[::-1] for label in labels])
    return [f"{label[: len(label) - common]}{ELLIPSIS}" if common else label for label in labels]


def _shared(labels: Sequence[str]) -> int:
    """How many letters all of them begin with."""
    return sum(1 for _ in takewhile(lambda same: len({*same}) == 1, zip(*labels, strict=False)))


def _start(label: str, room: int) -> str:
    """As many of the first letters as there is room for: some take two columns, some none."""
    taken = 0
    for place, letter in enumerate(label):
        taken += cell_len(letter)
        if taken > room:
            return label[:place]
    return label


def _numbered(labels: Sequence[str], width: int) -> list[str]:
    """Those that came before get a number at their end."""
    seen: dict[str, None] = {}
    for label in labels:
        number, own = 1, label
        while own in seen:
            number += 1
            own = f"{_without_middle(label, width - len(f'#{number}'), 1.0)}#{number}"
        seen[own] = None
    return list(seen)
