"""Peak memory, and how much of it is weights."""

from collections.abc import Iterator, Mapping
from statistics import fmean

from pipeline.compare.comparison import Comparison
from pipeline.compare.plots.bars import Bar, bars, said
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.style import Mark

PEAK, WEIGHTS = "peak_rss_bytes", "model_bytes"
MEGABYTE = 1e6


def plots(comparison: Comparison, marks: Mapping[str, Mark]) -> Iterator[Plot]:
    """One panel: a bar an arm, its highest peak under any condition."""
    rows = [bar for arm, mark in marks.items() if (bar := _bar(comparison, arm, mark))]
    if rows:
        yield Plot(
            "Peak memory, MB",
            "The highest of all valid runs; the darker part is as much as the weights take.",
            (PEAK, WEIGHTS),
            (Panel("", bars(rows), said(rows)),),
        )


def _bar(comparison: Comparison, arm: str, mark: Mark) -> Bar | None:
    runs = [run for cell in comparison.cells if cell.arm == arm for run in cell.runs]
    peaks = [value for run in runs if (value := run.number(PEAK)) is not None]
    weights = [value for run in runs if (value := run.number(WEIGHTS)) is not None]
    if not peaks:
        return None
    part = fmean(weights) / MEGABYTE if weights else None
    return Bar(arm, max(peaks) / MEGABYTE, mark.colour, part=part)
