"""A value as one bar an arm or a cell, where there is nothing to draw a line along."""

from collections.abc import Sequence
from textwrap import fill
from typing import NamedTuple

from matplotlib.figure import Figure

from pipeline.compare.columns import significant
from pipeline.compare.plots.style import INK, panel, rows_only

ROW = 0.27
"""Inches a bar takes."""

LINE, LETTERS = 0.16, 30
"""Inches that a further line of a label takes, and letters of a line."""


class Bar(NamedTuple):
    """A bar.

    Attributes:
        label: what stands before it.
        value: how long it is.
        colour: of the whole bar.
        reach: the ends of the value's interval.
        part: how much of it is filled; the rest is fainter. None fills all.
    """

    label: str
    value: float
    colour: str
    reach: tuple[float, float] | None = None
    part: float | None = None


def bars(rows: Sequence[Bar], top: float | None = None) -> Figure:
    """One panel: bars with their values at the end, as long as `top` allows or the longest asks."""
    labels = [fill(row.label, LETTERS) for row in rows]
    lines = max((label.count("\n") + 1 for label in labels), default=1)
    figure, axes = panel(0.3 + (ROW + LINE * (lines - 1)) * len(rows))
    top = top or max((row.value for row in rows), default=0.0) or 1.0
    for place, row in enumerate(rows):
        (whole,) = axes.barh(place, row.value, height=0.62, color=row.colour)
        if row.part is not None:
            whole.set_alpha(0.4)
            axes.barh(place, min(row.part, row.value), height=0.62, color=row.colour)
        if row.reach:
            axes.plot(row.reach, (place, place), color=INK, linewidth=1)
        axes.annotate(
            significant(row.value),
            (max(row.value, *(row.reach or (0.0,))), place),
            (4, 0),
            textcoords="offset points",
            va="center",
        )
    rows_only(axes, labels)
    axes.set_xlim(0, top * 1.2)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    return figure


def said(rows: Sequence[Bar]) -> str:
    """The bars in words."""
    return "; ".join(f"{row.label}: {significant(row.value)}" for row in rows)
