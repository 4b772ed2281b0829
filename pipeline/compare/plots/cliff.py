"""When adapters no longer fit: throughput and hit rate against their number, or their memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.plots.lines import along, draw, said
from pipeline.compare.plots.panels import AXES, Axis, lined, position, split, titles
from pipeline.compare.plots.plot import Panel, Plot, legend
from pipeline.compare.plots.style import Mark, marks, pair
from pipeline.compare.settings import short

HIT_RATE = "adapter_hit_rate"
(COUNT,) = (axis for axis in AXES if axis.key == "adapters.count")
BUDGETS = (
    Axis("engine.resident_adapters", "adapters kept in memory", doubling=True),
    Axis("engine.adapter_memory_mb", "memory for adapters, MB", doubling=True),
)
"""They are settings of engines, and so part of an arm's name until they become an axis."""


def plots(comparison: Comparison, marks_: Mapping[str, Mark]) -> Iterator[Plot]:
    """A section for the number of adapters, and for each budget that was swept."""
    cells = [cell for cell in comparison.cells if cell.mean(HIT_RATE) is not None]
    if any((cell.mean(HIT_RATE) or 0.0) < 1 for cell in cells):
        yield from _cliff(cells, COUNT, marks_)
    for budget in BUDGETS:
        moved = [_along(cell, budget) for cell in cells]
        yield from _cliff([cell for cell in moved if cell], budget, None)


def _cliff(cells: Sequence[Cell], axis: Axis, known: Mapping[str, Mark] | None) -> Iterator[Plot]:
    apart = {where: some for where, some in split(cells, axis).items() if lined(some, axis)}
    arms = list(dict.fromkeys(cell.arm for some in apart.values() for cell in some))
    drawn = known or marks(arms)
    if apart:
        yield Plot(
            f"The cliff: throughput and hit rate by {axis.label.partition(',')[0]}",
            "Above: output tokens per second. Below: share of requests whose adapter was in "
            "memory already.",
            (HEADLINE_METRIC, HIT_RATE),
            tuple(
                Panel(name, curves(some, axis, drawn), said(some, HEADLINE_METRIC, axis))
                for name, some in zip(titles(apart), apart.values(), strict=True)
            ),
            legend(drawn, arms),
        )


def curves(cells: Sequence[Cell], axis: Axis, drawn: Mapping[str, Mark]) -> Figure:
    """One panel of two axes over the same numbers."""
    figure, (above, below) = pair(3.4, (3, 2))
    draw(above, cells, HEADLINE_METRIC, axis, drawn)
    above.set_ylim(bottom=0)
    above.set_ylabel("output tokens/s")
    draw(below, cells, HIT_RATE, axis, drawn)
    below.set_ylim(-0.04, 1.06)
    below.set_yticks((0, 0.5, 1), ("0", "50 %", "100 %"))
    along(below, axis, {x for cell in cells if (x := position(cell, axis.key)) is not None})
    return figure


def _along(cell: Cell, budget: Axis) -> Cell | None:
    """The cell with its budget taken out of the arm's name and put among its settings."""
    value = cell.runs[0].settings.get(budget.key)
    if value is None:
        return None
    name = cell.arm.replace(f" {short(budget.key)}={value}", "")
    return replace(cell, arm=name, condition=(*cell.condition, (budget.key, value)))
