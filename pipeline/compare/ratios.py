"""Paired ratios: the only comparison that means anything on a machine that drifts."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from pipeline.compare.run import Run

RESAMPLES = 9999


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

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % bootstrap interval of the mean over the pairs; None of a single pair.

        Percentiles of the means of resampled pairs (Efron 1979), seeded: the same pairs give the
        same interval.
        """
        import numpy as np

        if self.pairs < 2:
            return None
        logs = np.log(self.values)
        rng = np.random.default_rng(0)
        means = rng.choice(logs, (RESAMPLES, self.pairs)).mean(axis=1)
        low, high = np.exp(np.quantile(means, (0.025, 0.975)))
        return float(low), float(high)


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
