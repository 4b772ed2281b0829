"""When adapters no longer fit: throughput and hit rate against their number, or their memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import HEADLINE_METRIC
from pipeline.compare.plots.axes import shares
from pipeline.compare.plots.lines import along, draw, said
from pipeline.compare.plots.panels import AXES, Axis, chosen, measured, some, swept
from pipeline.compare.plots.plot import Key, Panel, Plot
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.style import Mark, marks, pair
from pipeline.compare.settings import short

HIT_RATE = "adapter_hit_rate"
(COUNT,) = (axis for axis in AXES if axis.key == "adapters.count")
BUDGETS = (
    Axis("engine.resident_adapters", "adapters kept in memory", doubling=True),
    Axis("engine.adapter_memory_mb", "memory for adapters, MB", doubling=True),
)
"""They are settings of engines, and so part of an arm's name until they become an axis."""


def plots(scene: Scene) -> Iterator[Plot]:
    """A section for the number of adapters, and for each budget that was swept."""
    cells = measured(scene.comparison.cells, HIT_RATE)
    if any((cell.mean(HIT_RATE) or 0.0) < 1 for cell in cells):
        drawn = [cell for cell in cells if cell.arm in scene.arms]
        yield from _cliff(scene, drawn, COUNT, scene.marks)
    for budget in BUDGETS:
        moved = [_along(cell, budget) for cell in cells]
        along = [cell for cell in moved if cell]
        yield from _cliff(scene, along, budget, marks(_arms(along)))


def _cliff(
    scene: Scene, cells: Sequence[Cell], axis: Axis, drawn: Mapping[str, Mark]
) -> Iterator[Plot]:
    facets = swept(cells, axis)
    apart = some(facets)
    arms = _arms(cell for each in apart.values() for cell in each)
    if apart:
        yield Plot(
            f"The cliff: throughput and hit rate by {axis.label.partition(',')[0]}",
            "Above: output tokens per second. Below: share of requests whose adapter was in "
            "memory already." + chosen(facets),
            (HEADLINE_METRIC, HIT_RATE),
            tuple(
                Panel(name, curves(each, axis, drawn), said(each, HEADLINE_METRIC, axis))
                for name, each in zip(scene.titles(apart), apart.values(), strict=True)
            ),
            tuple(Key(arm, drawn[arm].colour, drawn[arm].glyph) for arm in arms),
        )


def curves(cells: Sequence[Cell], axis: Axis, drawn: Mapping[str, Mark]) -> Figure:
    """One panel of two axes over the same numbers."""
    figure, (above, below) = pair(3.4, (3, 2))
    above.set_ylim(0, 1.06 * max(cell.mean(HEADLINE_METRIC) or 0.0 for cell in cells) or 1.0)
    draw(above, cells, HEADLINE_METRIC, axis, drawn)
    above.set_ylabel("output tokens/s")
    shares(below)
    draw(below, cells, HIT_RATE, axis, drawn)
    along(below, axis, cells)
    return figure


def _arms(cells: Iterable[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.arm for cell in cells))


def _along(cell: Cell, budget: Axis) -> Cell | None:
    """The cell with its budget taken out of the arm's name and put among its settings."""
    value = cell.runs[0].settings.get(budget.key)
    if value is None:
        return None
    name = cell.arm.replace(f" {short(budget.key)}={value}", "")
    return replace(cell, arm=name, condition=(*cell.condition, (budget.key, value)))
