"""A metric along a setting, a line an arm, each mean with its interval."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.intervals import student
from pipeline.compare.numbers import DASH, plain, significant
from pipeline.compare.plots.axes import apart, logarithmic, numbers, whisker
from pipeline.compare.plots.panels import Axis, place
from pipeline.compare.plots.style import Mark, panel, quiet, tip

HEIGHT = 2.5
FAR = 50.0
"""Values so many times apart need a logarithmic axis, lest the lower ones all lie at the bottom."""

NUMBERS = 7
"""More numbers than that on an axis would run into each other."""


def lines(
    cells: Iterable[Cell], metric: str, axis: Axis, marks: Mapping[str, Mark], top: float
) -> Figure:
    """One panel.

    Args:
        cells: all under one condition, but for the axis; every one has the metric.
        metric: what is drawn.
        axis: the setting on the x axis; every cell has it.
        marks: how each arm is drawn.
        top: the largest value of all panels, which share their scale.
    """
    figure, axes = panel(HEIGHT)
    cells = list(cells)
    least = min(cell.mean(metric) or 0.0 for cell in cells)
    if 0 < least < top / FAR:
        logarithmic(axes, least, top)
    else:
        axes.set_ylim(0, top * 1.06)
        numbers(axes.yaxis)
    along(axes, axis, cells)
    draw(axes, cells, metric, axis, marks)
    return figure


def draw(
    axes: Axes, cells: Sequence[Cell], metric: str, axis: Axis, marks: Mapping[str, Mark]
) -> None:
    """The line of each arm that has the metric; the y axis must have its limits already."""
    for arm, mark in marks.items():
        mine = [cell for cell in cells if cell.arm == arm and cell.mean(metric) is not None]
        if mine:
            _line(axes, sorted(mine, key=lambda cell: place(cell, axis)), metric, axis, mark)
    quiet(axes)


def along(axes: Axes, axis: Axis, cells: Iterable[Cell]) -> None:
    """The x axis with a number at each value that was measured, as far as there is room."""
    values = sorted({place(cell, axis) for cell in cells})
    doubling = axis.doubling and values[0] > 0
    if doubling:
        axes.set_xscale("log", base=2)
    margin = (values[-1] / values[0]) ** 0.06 if doubling else 0.06 * (values[-1] - values[0])
    ends = (values[0] / margin, values[-1] * margin)
    axes.set_xlim(ends if doubling else (values[0] - margin, values[-1] + margin))
    axes.set_xticks(apart(values, NUMBERS, doubling=doubling))
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda value, _: plain(value))
    axes.set_xlabel(axis.label)


def said(cells: Sequence[Cell], metric: str, axis: Axis) -> str:
    """The lines in words."""
    values: dict[str, list[str]] = {}
    for cell in sorted(cells, key=lambda cell: place(cell, axis)):
        mean = significant(cell.mean(metric) or 0.0)
        values.setdefault(cell.arm, []).append(f"{mean} at {plain(place(cell, axis))}")
    return "; ".join(f"{arm}: {', '.join(points)}" for arm, points in values.items())


def _line(axes: Axes, cells: Sequence[Cell], metric: str, axis: Axis, mark: Mark) -> None:
    points = [(place(cell, axis), cell.mean(metric) or 0.0) for cell in cells]
    axes.plot(*zip(*points, strict=True), color=mark.colour)
    for cell, (x, y) in zip(cells, points, strict=True):
        values = cell.values(metric)
        reach = student(values)
        if reach:
            whisker(axes, reach, x, mark.colour, upright=True)
            axes.plot([x] * len(values), values, ".", color=mark.colour, alpha=0.45, markersize=3.5)
        (dot,) = axes.plot(x, y, mark.marker, color=mark.colour)
        tip(dot, f"{cell.arm}, {axis.label} {plain(x)}: {_figures(y, reach)}")


def _figures(mean: float, reach: tuple[float, float] | None) -> str:
    if reach is None:
        return significant(mean)
    return f"{significant(mean)} ({DASH.join(significant(end) for end in reach)})"
