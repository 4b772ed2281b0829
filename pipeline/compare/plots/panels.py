"""Which cells share a panel, and what runs along its x axis."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.compare.cells import Cell
from pipeline.compare.rows import differing, shown
from pipeline.compare.run import Condition
from pipeline.compare.settings import short

MOST = 3
"""Conditions whose single requests are drawn; the run directories hold all of them."""


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


def axes(cells: Sequence[Cell]) -> list[Axis]:
    """The axes along which some cells differ in nothing else."""
    return [axis for axis in AXES if any(lined(some, axis) for some in split(cells, axis).values())]


def lined(cells: Iterable[Cell], axis: Axis) -> bool:
    """Whether the cells stand at more than one place of an axis."""
    places = {position(cell, axis.key) for cell in cells}
    return len(places - {None}) > 1


def position(cell: Cell, key: str) -> float | None:
    """Where a cell stands on the x axis; None when it has no such number."""
    value = dict(cell.condition).get(key)
    return float(value) if isinstance(value, int | float) else None


def split(cells: Iterable[Cell], without: Axis | None = None) -> dict[Condition, list[Cell]]:
    """Cells by their condition, the setting on the x axis apart."""
    key = without.key if without else None
    panels: dict[Condition, list[Cell]] = defaultdict(list)
    for cell in cells:
        panels[tuple(each for each in cell.condition if each[0] != key)].append(cell)
    return dict(panels)


def some(cells: Iterable[Cell]) -> dict[Condition, list[Cell]]:
    """Cells of at most `MOST` conditions, from the first to the last at equal distances."""
    apart = list(split(cells).items())
    last = len(apart) - 1
    if last < MOST:
        return dict(apart)
    return dict(apart[round(place * last / (MOST - 1))] for place in range(MOST))


def title(condition: Condition, all_conditions: Sequence[Condition]) -> str:
    """A condition in words, as far as it tells panels apart."""
    keys = differing(all_conditions)
    return ", ".join(f"{short(key)} {shown(value)}" for key, value in condition if key in keys)


def titles(conditions: Iterable[Condition]) -> list[str]:
    """Every condition in words."""
    everything = list(conditions)
    return [title(each, everything) for each in everything]


def chosen(cells: Iterable[Cell]) -> str:
    """What to say in a caption where only some conditions are drawn."""
    count = len(split(cells))
    return f" Drawn for {MOST} of the {count} conditions." if count > MOST else ""
