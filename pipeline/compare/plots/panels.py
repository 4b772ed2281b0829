"""Which cells share a panel, and what runs along its x axis."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pipeline.compare.cells import Cell
from pipeline.compare.rows import differing, shown
from pipeline.compare.run import Condition
from pipeline.compare.settings import short

AXES = ("workload.alpha", "workload.batch_size")
"""What a line can run along, in order of preference."""


def axis(cells: Sequence[Cell]) -> str | None:
    """The setting to draw lines along; None when each stands at a single value."""
    for key in AXES:
        if len({value for cell in cells if (value := position(cell, key)) is not None}) > 1:
            return key
    return None


def position(cell: Cell, key: str) -> float | None:
    """Where a cell stands on the x axis; None when it has no such number."""
    value = dict(cell.condition).get(key)
    return float(value) if isinstance(value, int | float) else None


def split(cells: Iterable[Cell], without: str | None = None) -> dict[Condition, list[Cell]]:
    """Cells by their condition, the setting on the x axis apart."""
    panels: dict[Condition, list[Cell]] = defaultdict(list)
    for cell in cells:
        panels[tuple(each for each in cell.condition if each[0] != without)].append(cell)
    return dict(panels)


def title(condition: Condition, all_conditions: Sequence[Condition]) -> str:
    """A condition in words, as far as it tells panels apart."""
    keys = differing(all_conditions)
    return ", ".join(f"{short(key)} {shown(value)}" for key, value in condition if key in keys)
