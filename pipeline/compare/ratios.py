"""Paired ratios: the only comparison that means anything on a machine that drifts."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from pipeline.compare.run import Run


@dataclass(frozen=True)
class Ratio:
    """An arm against the baseline, one value a pair of runs."""

    values: tuple[float, ...]

    @property
    def pairs(self) -> int:
        """How many pairs of runs it rests on."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Geometric mean of the paired ratios."""
        return geometric_mean(self.values)


def pairs(runs: Iterable[Run], baseline: Iterable[Run]) -> list[tuple[Run, Run]]:
    """Runs and baseline runs of the same trace, condition and repeat; only those that count."""
    partners = {_key(run): run for run in baseline if run.counts and run.trace}
    return [(run, partners[_key(run)]) for run in runs if run.counts and _key(run) in partners]


def _key(run: Run) -> tuple[Any, ...]:
    return run.trace, run.condition, run.repeat


def ratio(runs: Iterable[Run], baseline: Iterable[Run], metric: str) -> Ratio | None:
    """How many times the baseline's value; None when no two runs can be paired."""
    numbers = ((a.number(metric), b.number(metric)) for a, b in pairs(runs, baseline))
    values = tuple(a / b for a, b in numbers if a and b and a > 0 and b > 0)
    return Ratio(values) if values else None
