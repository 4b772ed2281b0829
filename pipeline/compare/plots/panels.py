"""Which cells share a panel, and what runs along its x axis."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.compare.cells import Cell
from pipeline.compare.run import Condition

REQUESTS = 3
"""Conditions whose single requests are drawn; the run directories hold all of them."""

FACETS = 6
"""Conditions that have a panel each: two rows of them on a page."""

Facets = Mapping[Condition, Sequence[Cell]]
"""Cells by the condition they share, the setting on an x axis apart."""


@dataclass(frozen=True)
class Axis:
    """A setting that lines can run along.

    Attributes:
        key: its dotted name.
        label: what stands below the axis.
        doubling: whether it is a count, which sweeps double: its axis is logarithmic.
    """

    key: str
    label: str
    doubling: bool = False


AXES = (
    Axis("workload.alpha", "skew α"),
    Axis("workload.batch_size", "batch size", doubling=True),
    Axis("workload.rate", "rate, requests/s"),
    Axis("workload.arrivals.concurrency", "requests in flight", doubling=True),
    Axis("adapters.count", "number of adapters", doubling=True),
)


def measured(cells: Iterable[Cell], metric: str) -> list[Cell]:
    """The cells that have the metric."""
    return [cell for cell in cells if cell.mean(metric) is not None]


def axes(cells: Sequence[Cell]) -> list[Axis]:
    """The axes along which some cells differ in nothing else."""
    return [axis for axis in AXES if swept(cells, axis)]


def swept(cells: Iterable[Cell], axis: Axis) -> dict[Condition, list[Cell]]:
    """The cells that stand on an axis, where some arm's stand at more than one place of it."""
    placed = split((cell for cell in cells if position(cell, axis.key) is not None), axis)
    return {where: some for where, some in placed.items() if _lined(some, axis)}


def _lined(cells: Iterable[Cell], axis: Axis) -> bool:
    arms = Counter(arm for arm, _ in {(cell.arm, position(cell, axis.key)) for cell in cells})
    return max(arms.values()) > 1


def position(cell: Cell, key: str) -> float | None:
    """Where a cell stands on the x axis; None when it has no such number."""
    value = dict(cell.condition).get(key)
    return float(value) if isinstance(value, int | float) else None


def place(cell: Cell, axis: Axis) -> float:
    """The same, of a cell that has one."""
    found = position(cell, axis.key)
    assert found is not None, f"{cell} has no {axis.key}"
    return found


def split(cells: Iterable[Cell], without: Axis | None = None) -> dict[Condition, list[Cell]]:
    """Cells by their condition, the setting on the x axis apart."""
    key = without.key if without else None
    panels: dict[Condition, list[Cell]] = defaultdict(list)
    for cell in cells:
        panels[tuple(each for each in cell.condition if each[0] != key)].append(cell)
    return dict(panels)


def some(facets: Facets, most: int = FACETS) -> dict[Condition, Sequence[Cell]]:
    """At most so many of them: those with most cells, and of equals some at equal distances.

    Where that leaves some out, a cell that has nothing beside it is left out first.
    """
    if len(facets) <= most:
        return dict(facets)
    several = {where: cells for where, cells in facets.items() if len(cells) > 1}
    if 0 < len(several) <= most:
        return several
    least = sorted(map(len, facets.values()), reverse=True)[most - 1]
    equal = [where for where, cells in facets.items() if len(cells) == least]
    kept = {where for where, cells in facets.items() if len(cells) > least}
    kept.update(_spread(equal, most - len(kept)))
    return {where: cells for where, cells in facets.items() if where in kept}


def chosen(facets: Facets, most: int = FACETS) -> str:
    """What to say in a caption where only some conditions are drawn."""
    if len(facets) <= most:
        return ""
    alike = len({len(cells) for cells in facets.values()}) == 1
    which = "" if alike else ", those with most to hold together"
    return f" Drawn for {len(some(facets, most))} of the {len(facets)} conditions{which}."


def _spread(items: Sequence[Condition], count: int) -> list[Condition]:
    """So many of them, the first and the last among them."""
    return [items[round(n * (len(items) - 1) / max(count - 1, 1))] for n in range(count)]
