"""Throughput and latency along every setting that was swept; as bars where nothing was."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.intervals import student
from pipeline.compare.plots.bars import Bar, bars
from pipeline.compare.plots.bars import said as said_of_bars
from pipeline.compare.plots.lines import lines, said
from pipeline.compare.plots.panels import Axis, axes, lined, position, split, title, titles
from pipeline.compare.plots.plot import Panel, Plot, legend
from pipeline.compare.plots.style import Mark
from pipeline.compare.run import Condition

HEADINGS = {
    HEADLINE_METRIC: "Throughput, output tokens per second",
    "latency_per_iteration_s": "Latency per batch, seconds",
    "e2e_s/p50": "End-to-end latency, median, seconds",
}
LATENCIES = ("latency_per_iteration_s", "e2e_s/p50")
"""The first that was measured is drawn: open workloads have no batches to speak of."""

DOTS = "Means of the valid runs; lines: 95\u00a0% intervals over the repeats, the fainter dots."


def plots(comparison: Comparison, marks: Mapping[str, Mark]) -> Iterator[Plot]:
    """Throughput, then latency."""
    cells = comparison.cells
    latency = next((name for name in LATENCIES if measured(cells, name)), None)
    for metric in filter(None, (HEADLINE_METRIC, latency)):
        yield from _trends(measured(cells, metric), metric, comparison.axis, marks)


def measured(cells: Sequence[Cell], metric: str) -> list[Cell]:
    """The cells that have the metric."""
    return [cell for cell in cells if cell.mean(metric) is not None]


def _trends(
    cells: Sequence[Cell], metric: str, first: str | None, marks: Mapping[str, Mark]
) -> Iterator[Plot]:
    """Along the axis asked for, then along the others."""
    drawn: set[int] = set()
    top = max((max(cell.values(metric)) for cell in cells), default=0.0)
    for axis in sorted(axes(cells), key=lambda each: each.key != first):
        apart = {
            condition: [cell for cell in some if position(cell, axis.key) is not None]
            for condition, some in split(cells, axis).items()
            if lined(some, axis)
        }
        drawn |= {id(cell) for some in apart.values() for cell in some}
        yield _along(apart, metric, axis, marks, top)
    if left := [cell for cell in cells if id(cell) not in drawn]:
        yield _barred(left, metric, marks)


def _along(
    apart: Mapping[Condition, Sequence[Cell]],
    metric: str,
    axis: Axis,
    marks: Mapping[str, Mark],
    top: float,
) -> Plot:
    panels = tuple(
        Panel(name, lines(some, metric, axis, marks, top), said(some, metric, axis))
        for name, some in zip(titles(apart), apart.values(), strict=True)
    )
    arms = {cell.arm for some in apart.values() for cell in some}
    heading = f"{HEADINGS[metric]}, by {axis.label.partition(',')[0]}"
    return Plot(heading, DOTS, (metric,), panels, legend(marks, arms))


def _barred(cells: Sequence[Cell], metric: str, marks: Mapping[str, Mark]) -> Plot:
    conditions = [cell.condition for cell in cells]
    rows = [
        Bar(
            " · ".join(filter(None, (cell.arm, title(cell.condition, conditions)))),
            cell.mean(metric) or 0.0,
            marks[cell.arm].colour,
            student(cell.values(metric)),
        )
        for cell in cells
    ]
    caption = "Mean of the valid runs; the line at a bar's end: its 95\u00a0% interval."
    return Plot(HEADINGS[metric], caption, (metric,), (Panel("", bars(rows), said_of_bars(rows)),))
