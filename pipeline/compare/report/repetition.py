"""Whether the runs of one configuration repeat each other."""

from collections.abc import Iterator, Sequence
from statistics import fmean, median, stdev

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import Comparison
from pipeline.compare.labels import abridged
from pipeline.compare.report.rows import NOISY
from pipeline.compare.run import Run
from pipeline.tracking.run_directory import RunDirectory

FEW = 3
"""Repeats below which an interval is too wide to be of use, or none at all."""

SLOWER = 1.10
"""How much longer than the others' median a first iteration must take to be worth a word."""


def few(cells: Sequence[Cell]) -> Iterator[str]:
    """Whether there are enough of them."""
    fewest = min((len(cell.runs) for cell in cells), default=FEW)
    if fewest < FEW:
        yield (
            f"too few repeats: {fewest} of some configurations, where three are the least that "
            "says something of the noise: repeat=0,1,2 in the same hydra.sweep.dir adds them"
        )


def noisy(comparison: Comparison) -> Iterator[str]:
    """The noisiest cells of each kind by name, with their coefficients of variation."""
    metric, name_of = comparison.metric, comparison.usual.named
    cells = {name_of(cell.arm, cell.condition): cell for cell in comparison.cells}
    between = [(_between(cell, metric), name) for name, cell in cells.items()]
    within = [(_within(cell), name) for name, cell in cells.items()]
    for what, variations in (
        (f"{metric} varies between repeats", between),
        ("iterations vary within a run", within),
    ):
        found = sorted((each for each in variations if each[0] >= NOISY), reverse=True)
        if found:
            of = f"in {len(found)} of {len(variations)} configurations"
            named = [f"by {variation:.0%} in {name}" for variation, name in found]
            yield f"{what} by {NOISY:.0%} or more {of}: {abridged(named, '; ')}"


def cold(runs: Sequence[Run]) -> Iterator[str]:
    """Runs whose first iteration was still warming up."""
    names = [run.name for run in runs if run.counts and _ramps(run)]
    if names:
        yield (
            f"the first iteration was the slowest by 10 % or more in {abridged(names, ', ')}: "
            "warm-up may be too short (workload.warmup_iterations)"
        )


def _between(cell: Cell, metric: str) -> float:
    values = cell.values(metric)
    mean = abs(fmean(values)) if len(values) > 1 else 0.0
    return stdev(values) / mean if mean else 0.0


def _within(cell: Cell) -> float:
    return max(run.number("latency_per_iteration_s/cv") or 0.0 for run in cell.runs)


def _ramps(run: Run) -> bool:
    walls = [each.wall_s for each in RunDirectory(run.path).iterations() if not each.run_in]
    return len(walls) > 2 and walls[0] > max(walls[1:]) and walls[0] > SLOWER * median(walls[1:])
