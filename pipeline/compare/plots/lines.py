"""A metric against the popularity's alpha or the batch size, a line an arm."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.plots.panels import position
from pipeline.compare.plots.style import Mark, panel
from pipeline.compare.settings import short

HEIGHT = 2.7
SPACING = 0.075
"""Least distance of two labels, as a share of the axes' height."""

Point = tuple[float, float]


def lines(
    cells: Iterable[Cell], metric: str, along: str, marks: Mapping[str, Mark], top: float
) -> Figure:
    """One panel: means joined by lines, repeats as fainter dots, names at the lines' ends.

    Args:
        cells: all under one condition, but for `along`.
        metric: what is drawn; every cell has it.
        along: the setting on the x axis; every cell has it.
        marks: how each arm is drawn.
        top: the largest value of all panels, which share their scale.
    """
    figure, axes = panel(HEIGHT)
    cells = list(cells)
    axes.set_ylim(0, top * 1.05)
    axes.set_xticks(sorted({_x(cell, along) for cell in cells}))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(short(along))
    ends: dict[str, Point] = {}
    for arm, mark in marks.items():
        mine = sorted((cell for cell in cells if cell.arm == arm), key=lambda c: _x(c, along))
        if mine:
            ends[arm] = _line(axes, mine, metric, along, mark)
    _name(axes, ends, marks)
    return figure


def _x(cell: Cell, along: str) -> float:
    found = position(cell, along)
    assert found is not None, f"{cell} has no {along}"
    return found


def _line(axes: Axes, cells: Sequence[Cell], metric: str, along: str, mark: Mark) -> Point:
    for cell in cells:
        repeats = [value for run in cell.runs if (value := run.number(metric)) is not None]
        where = [_x(cell, along)] * len(repeats)
        axes.plot(where, repeats, ".", color=mark.colour, alpha=0.45, markersize=4)
    points = [(_x(cell, along), cell.mean(metric) or 0.0) for cell in cells]
    axes.plot(*zip(*points, strict=True), color=mark.colour, marker=mark.marker)
    return points[-1]


def _name(axes: Axes, ends: Mapping[str, Point], marks: Mapping[str, Mark]) -> None:
    """Write each arm's name beside the end of its line, no two over each other."""
    _, top = axes.get_ylim()
    last = max(x for x, _ in ends.values())
    rising = sorted(ends.items(), key=lambda item: item[1][1])
    heights = spread([y / top for _, (_, y) in rising], SPACING)
    for (arm, (x, _)), height in zip(rising, heights, strict=True):
        axes.annotate(
            arm,
            xy=(x if x == last else last, height * top),
            xytext=(7, 0),
            textcoords="offset points",
            color=marks[arm].colour,
            va="center",
            annotation_clip=False,
        )


def spread(heights: Sequence[float], least: float) -> list[float]:
    """Rising heights in 0…1, moved as little as may be so that neighbours keep their distance."""
    moved = list(heights)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + least)
    ceiling = 1.0
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - least
    return moved
