"""The comparison as rows: one a configuration, and one for every run that is left out of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.conditions import order
from pipeline.compare.numbers import MISSING, ranges, significant
from pipeline.compare.ratios import Ratio
from pipeline.compare.run import Condition, Run
from pipeline.compare.settings import shown
from pipeline.compare.verdict import Verdict
from pipeline.metrics.tables import STAYING, Column, columns_for

Numbers = Callable[[str], float | None]
"""Looks a metric up, of a run or of a cell."""

NOISY = 0.10
"""Coefficient of variation between iterations from which a figure carries a warning."""


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        arm: the engine.
        condition: under which settings.
        runs: the repeats it stands for; a run that is left out stands alone.
        verdict: VALID, or what keeps it out of the comparison.
        why: the cause or the reasons.
        against_baseline: the ratio to the baseline, and what may be said of it.
        number: looks a metric up.
    """

    arm: str
    condition: Condition
    runs: tuple[Run, ...]
    verdict: str
    why: str
    against_baseline: Verdict | None
    number: Numbers

    @property
    def ratio(self) -> Ratio | None:
        """Against the baseline."""
        return self.against_baseline.ratio if self.against_baseline else None

    @property
    def counts(self) -> bool:
        """Whether its figures entered the comparison."""
        return self.verdict == "VALID"

    @property
    def has_figures(self) -> bool:
        """Whether there is anything to show, even if it doesn't count."""
        return any(run.metrics for run in self.runs)

    @property
    def repeats(self) -> str:
        """The repeats as ranges."""
        return ranges(run.repeat for run in self.runs if run.repeat is not None)

    @property
    def variation(self) -> float | None:
        """The worst repeat's coefficient of variation, where it is worth a warning."""
        found = [run.number("latency_per_iteration_s/cv") for run in self.runs]
        worst = max((value for value in found if value is not None), default=0.0)
        return worst if worst >= NOISY else None

    def figures(self, column: Column) -> str:
        """What stands in a column."""
        return figures(column, self.number)

    def settings(self) -> tuple[str, ...]:
        """The condition's values as text."""
        return tuple(shown(value) for _, value in self.condition)


def rows(comparison: Comparison) -> tuple[Row, ...]:
    """By condition, then by arm; what is left out stands where it would have counted."""
    arms = list(dict.fromkeys(run.arm for run in comparison.runs))
    found = [_cell(cell, comparison) for cell in comparison.cells]
    found += [_left_out(run) for run in comparison.left_out]
    return tuple(sorted(found, key=lambda row: (order(row.condition), arms.index(row.arm))))


def presented(comparison: Comparison) -> tuple[Row, ...]:
    """The same for a reader: the usual conditions first, then the more unusual ones."""
    unusual = comparison.usual.unusual
    return tuple(sorted(rows(comparison), key=lambda row: len(unusual(row.condition))))


def measured(lines: Sequence[Row], asked: str = HEADLINE_METRIC) -> tuple[Column, ...]:
    """The columns that have a figure in some row; the first ones stay whatever happened.

    Args:
        lines: the rows.
        asked: what the ratios are of: it has a column, too.
    """
    columns = columns_for(asked)
    return columns[:STAYING] + tuple(
        column
        for column in columns[STAYING:]
        if any(row.number(metric) is not None for row in lines for metric in column.metrics)
    )


def _cell(cell: Cell, comparison: Comparison) -> Row:
    found = comparison.cell_verdicts.get((cell.arm, cell.condition))
    return Row(cell.arm, cell.condition, cell.runs, "VALID", "", found, cell.mean)


def _left_out(run: Run) -> Row:
    return Row(run.arm, run.condition, (run,), run.verdict, run.why, None, run.number)


def figures(column: Column, number: Numbers) -> str:
    """What stands in a column, several figures parted by a slash."""
    values = [number(metric) for metric in column.metrics]
    if all(value is None for value in values):
        return column.missing or MISSING
    scaled = [None if value is None else value * column.scale for value in values]
    return " / ".join(MISSING if value is None else significant(value) for value in scaled)
