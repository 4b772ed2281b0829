"""How far the mean of a few repeats may be from the truth."""

from collections.abc import Sequence
from statistics import fmean, stdev

from pipeline.compare.cells import Cell

CONFIDENCE = 0.95


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of a mean; None of a single value.

    Few repeats make it wide, and rightly so: 4.3 standard errors with three.
    """
    from scipy.stats import t

    if len(values) < 2:
        return None
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    reach = quantile * stdev(values) / len(values) ** 0.5
    return fmean(values) - reach, fmean(values) + reach


def repeats(cell: Cell, metric: str) -> list[float]:
    """The metric of each of the cell's runs."""
    return [value for run in cell.runs if (value := run.number(metric)) is not None]
