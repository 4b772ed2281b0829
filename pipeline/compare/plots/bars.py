"""A metric as one bar a cell, where there is nothing to draw a line along."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.columns import significant
from pipeline.compare.plots.panels import title
from pipeline.compare.plots.style import Mark, panel, rows_only

ROW = 0.27
"""Inches a bar takes."""


def bars(cells: Sequence[Cell], metric: str, marks: Mapping[str, Mark]) -> Figure:
    """One panel: a bar a cell with its value at the end; every cell has the metric."""
    figure, axes = panel(0.35 + ROW * len(cells))
    conditions = [cell.condition for cell in cells]
    labels = [" · ".join(filter(None, (c.arm, title(c.condition, conditions)))) for c in cells]
    values = [cell.mean(metric) or 0.0 for cell in cells]
    drawn = axes.barh(
        range(len(cells)), values, height=0.62, color=[marks[cell.arm].colour for cell in cells]
    )
    axes.bar_label(drawn, [significant(value) for value in values], padding=4)
    rows_only(axes, labels)
    axes.set_xlim(0, max(values, default=1.0) * 1.15 or 1.0)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    return figure
