"""What of a table is shown where there is little room: in a terminal, and at once on the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from pipeline.compare.report.rows import Row
from pipeline.metrics.tables import COLUMNS, FAITHFUL, Column

COMFORTABLE = 28
"""Letters of a label that are shown before a column of figures is given up for them."""

SHORTER = (22, 17, 12)
SHORTEST = (9, 7, 6)

SPEED = COLUMNS[0].keep

WIDTH = 152
"""Characters in a line of the table on a screen of 1280 pixels."""
GAP = 2.5
"""Characters between two columns."""
BAR = 15
"""Width of the column with the bars."""
RATIO = 21
"""Width of a ratio with its interval."""


@dataclass(frozen=True)
class Layout:
    """One way to show a table.

    Attributes:
        columns: the figures that are shown.
        letters: how many of a label's are.
        repeat: whether the numbers of the repetitions are.
        apart: whether settings stand in columns of their own, or beneath the engine's name.
    """

    columns: tuple[Column, ...]
    letters: float = inf
    repeat: bool = True
    apart: bool = True


def layouts(columns: Sequence[Column]) -> Iterator[Layout]:
    """From the whole table to the least of it: what was asked for and the headline, shortened.

    Long labels are cut to a comfortable length before a figure goes, and go on being cut before
    the faithfulness does, which stands beside the speed.
    """
    whole = Layout(tuple(columns))
    fewer = [replace(each, letters=COMFORTABLE) for each in _fewer(whole, FAITHFUL.keep)]
    once = replace(fewer[-1], repeat=False)
    shorter = [replace(once, letters=letters) for letters in SHORTER]
    least = [*_fewer(shorter[-1], SPEED)]
    yield from (whole, *fewer, once, *shorter, *least)
    for letters in SHORTEST:
        yield replace(least[-1], letters=letters)
        yield replace(least[-1], letters=letters, apart=False)


def _fewer(layout: Layout, keep: int) -> Iterator[Layout]:
    """The layout, and without one column after another that matters less than that."""
    yield layout
    for column in sorted(layout.columns, key=lambda each: each.keep):
        if column.keep < keep:
            layout = replace(layout, columns=tuple(c for c in layout.columns if c is not column))
            yield layout


def unfolded(
    columns: Sequence[Column], rows: Sequence[Row], others: Sequence[Sequence[str]]
) -> tuple[Column, ...]:
    """The columns that fit, chosen by how much they matter.

    Args:
        columns: all that could be shown; the first has the bars, and stays.
        rows: what they are filled with.
        others: texts of the columns that always stay, their titles among them.
    """
    kept = list(columns)
    taken = sum(max(map(len, texts)) + GAP for texts in others) + BAR + RATIO + 2 * GAP
    while len(kept) > 1 and taken + sum(_width(each, rows) for each in kept[1:]) > WIDTH:
        kept.remove(min(kept[1:], key=lambda column: column.keep))
    return tuple(kept)


def _width(column: Column, rows: Sequence[Row]) -> float:
    words = [*column.title.split(), column.unit, *(row.figures(column) for row in rows)]
    return max(map(len, words)) + GAP
