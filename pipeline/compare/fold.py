"""Which columns stand on the page at once: the others wait folded beneath."""

from collections.abc import Sequence

from pipeline.compare.columns import Column
from pipeline.compare.rows import Row

WIDTH = 152
"""Characters in a line of the table on a screen of 1280 pixels."""
GAP = 2.5
"""Characters between two columns."""
BAR = 15
"""Width of the column with the bars."""
RATIO = 21
"""Width of a ratio with its interval."""


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
    words = [*column.title.split(), column.unit, *(column.text(row.number) for row in rows)]
    return max(map(len, words)) + GAP
