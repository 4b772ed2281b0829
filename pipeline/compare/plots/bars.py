"""A value as one bar an arm or a cell, where there is nothing to draw a line along."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.intervals import student
from pipeline.compare.numbers import significant
from pipeline.compare.plots.axes import whisker
from pipeline.compare.plots.style import INK, listed

ROW = 0.27
"""Inches a bar takes."""


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

    @classmethod
    def of(cls, label: str, cell: Cell, metric: str, colour: str) -> Self:
        """A cell's mean of a metric, with its interval over the repeats."""
        return cls(label, cell.mean(metric) or 0.0, colour, student(cell.values(metric)))


def bars(rows: Sequence[Bar], top: float | None = None) -> Figure:
    """One panel: bars with their values at the end, as long as `top` allows or the longest asks."""
    figure, axes = listed([row.label for row in rows], ROW, 0.3)
    top = top or max((row.value for row in rows), default=0.0) or 1.0
    axes.set_xlim(0, top * 1.2)
    for place, row in enumerate(rows):
        (whole,) = axes.barh(place, row.value, height=0.62, color=row.colour)
        if row.part is not None:
            whole.set_alpha(0.4)
            axes.barh(place, min(row.part, row.value), height=0.62, color=row.colour)
        if row.reach:
            whisker(axes, row.reach, place, INK, upright=False)
        axes.annotate(
            significant(row.value),
            (min(max(row.value, *(row.reach or (0.0,))), top * 1.2), place),
            (4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    return figure


def said(rows: Sequence[Bar]) -> str:
    """The bars in words."""
    return "; ".join(f"{row.label}: {significant(row.value)}" for row in rows)
