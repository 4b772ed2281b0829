"""Throughput and latency along every setting that was swept; as bars where nothing was."""

from collections.abc import Iterator, Sequence

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import HEADLINE_METRIC
from pipeline.compare.plots.axes import CUT
from pipeline.compare.plots.bars import Bar, bars
from pipeline.compare.plots.bars import said as said_of_bars
from pipeline.compare.plots.lines import lines, said
from pipeline.compare.plots.panels import (
    FACETS,
    Axis,
    Facets,
    axes,
    chosen,
    measured,
    some,
    split,
    swept,
)
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.scene import Scene

HEADINGS = {
    HEADLINE_METRIC: "Throughput, output tokens per second",
    "latency_per_iteration_s": "Latency per batch, seconds",
    "e2e_s/p50": "End-to-end latency, median, seconds",
}
LATENCIES = ("latency_per_iteration_s", "e2e_s/p50")
"""The first that was measured is drawn: open workloads have no batches to speak of."""

DOTS = (
    "Means of the valid runs; lines: 95\u00a0% intervals over the repeats, the fainter dots. " + CUT
)

BARS = 12
"""Bars of one panel."""

UNLIKE = 8.0
"""Panels of one scale would show nothing of those whose highest value is so much smaller."""


def plots(scene: Scene) -> Iterator[Plot]:
    """Throughput, then latency."""
    latency = next((name for name in LATENCIES if measured(scene.cells, name)), None)
    for metric in filter(None, (HEADLINE_METRIC, latency)):
        yield from _trends(scene, measured(scene.cells, metric), metric)


def _trends(scene: Scene, cells: Sequence[Cell], metric: str) -> Iterator[Plot]:
    """Along the axis asked for, then along the others, and as bars what no axis has."""
    drawn: set[int] = set()
    first = scene.comparison.axis
    for axis in sorted(axes(cells), key=lambda each: each.key != first):
        apart = swept(cells, axis)
        drawn |= {id(cell) for some in apart.values() for cell in some}
        yield _along(scene, apart, metric, axis)
    if left := [cell for cell in cells if id(cell) not in drawn]:
        yield _barred(scene, cells, left, metric)


def _along(scene: Scene, facets: Facets, metric: str, axis: Axis) -> Plot:
    apart = some(facets)
    tops = {where: _top(cells, metric) for where, cells in apart.items()}
    shared = max(tops.values()) if max(tops.values()) < UNLIKE * min(tops.values()) else None
    panels = tuple(
        Panel(
            name,
            lines(cells, metric, axis, scene.marks, shared or tops[where]),
            said(cells, metric, axis),
        )
        for name, (where, cells) in zip(scene.titles(apart), apart.items(), strict=True)
    )
    arms = {cell.arm for cells in apart.values() for cell in cells}
    heading = f"{HEADINGS[metric]}, by {axis.label.partition(',')[0]}"
    return Plot(heading, DOTS + chosen(facets), (metric,), panels, scene.legend(arms))


def _barred(scene: Scene, cells: Sequence[Cell], left: Sequence[Cell], metric: str) -> Plot:
    """All in one panel where they are few; else a panel a condition, and one of the single ones."""
    caption = f"Mean of the valid runs; the line at a bar's end: its 95\u00a0% interval. {CUT}"
    if len(left) <= BARS:
        panels = [_bars(scene, "", left, metric, told=True)]
        return Plot(HEADINGS[metric], caption, (metric,), tuple(panels))
    wanted = {cell.condition for cell in left}
    facets = {w: same for w, same in split(cells).items() if w in wanted and len(same) > 1}
    apart = some(facets, FACETS - 1)
    panels = [
        _bars(scene, name, same, metric)
        for name, same in zip(scene.titles(apart), apart.values(), strict=True)
    ]
    if alone := [cell for cell in left if cell.condition not in facets]:
        best = sorted(alone, key=lambda cell: -(cell.mean(metric) or 0.0))[:BARS]
        which = f": the highest {BARS} of {len(alone)}" if len(alone) > BARS else ""
        panels.append(_bars(scene, f"alone under their conditions{which}", best, metric, told=True))
    return Plot(HEADINGS[metric], caption + chosen(facets, FACETS - 1), (metric,), tuple(panels))


def _bars(
    scene: Scene, name: str, cells: Sequence[Cell], metric: str, *, told: bool = False
) -> Panel:
    """A panel of bars, `told` with their conditions."""
    conditions = scene.titles(cell.condition for cell in cells)
    rows = [
        Bar.of(
            "\u00a0· ".join(filter(None, (cell.arm, where if told else ""))),
            cell,
            metric,
            scene.marks[cell.arm].colour,
        )
        for cell, where in zip(cells, conditions, strict=True)
    ]
    return Panel(name, bars(rows), said_of_bars(rows))


def _top(cells: Sequence[Cell], metric: str) -> float:
    return max(max(cell.values(metric)) for cell in cells)
