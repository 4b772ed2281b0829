"""Paired ratios: the only comparison that means anything on a machine that drifts."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from math import exp, log
from statistics import geometric_mean
from typing import Any

from pipeline.compare import intervals
from pipeline.compare.run import Run


@dataclass(frozen=True)
class Ratio:
    """An arm against the baseline, one value a pair of runs.

    Attributes:
        values: the arm's figure ÷ the baseline's.
        conditions: each pair's; pairs of one condition repeat each other. All do, if not given.
    """

    values: tuple[float, ...]
    conditions: tuple[Hashable, ...] = ()

    @property
    def pairs(self) -> int:
        """How many pairs of runs it rests on."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Geometric mean of the paired ratios."""
        return geometric_mean(self.values)

    @property
    def method(self) -> str | None:
        """How the interval was made; None of a single pair."""
        return intervals.method(self.logs) if self.pairs > 1 else None

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean; None of a single pair."""
        found = intervals.interval(self.logs)
        return found and (exp(found[0]), exp(found[1]))

    @cached_property
    def p_value(self) -> float | None:
        """Of the paired t test on logarithms that the mean is 1; None of a single pair."""
        return intervals.p_value(self.logs)

    @cached_property
    def logs(self) -> tuple[tuple[float, ...], ...]:
        """Logarithms of the ratios, by condition."""
        groups: dict[Hashable, list[float]] = defaultdict(list)
        for value, condition in zip(self.values, self.conditions or [()] * self.pairs, strict=True):
            groups[condition].append(log(value))
        return tuple(map(tuple, groups.values()))

    @property
    def excludes_one(self) -> bool:
        """Whether all of the interval lies on one side of 1."""
        return self.interval is not None and not self.interval[0] <= 1 <= self.interval[1]


Pair = tuple[Run, Run]
"""A run, and the baseline's run of the same trace, condition and repeat."""


def pairs(runs: Iterable[Run], baseline: Iterable[Run]) -> list[Pair]:
    """Runs and baseline runs of the same trace, condition and repeat; only those that count."""
    partners = {_key(run): run for run in baseline if run.counts and run.trace}
    return [(run, partners[_key(run)]) for run in runs if run.counts and _key(run) in partners]


def _key(run: Run) -> tuple[Any, ...]:
    return run.trace, run.condition, run.repeat


def ratio(runs: Iterable[Run], baseline: Iterable[Run], metric: str) -> Ratio | None:
    """How many times the baseline's value; None when no two runs can be paired.

    A tail percentile that enough repeats carry gets its interval from the requests as well.
    """
    from pipeline.compare.tails import TailRatio, is_tail

    measured = [each for each in pairs(runs, baseline) if _both(each, metric)]
    if not measured:
        return None
    values = tuple(_value(run, metric) / _value(other, metric) for run, other in measured)
    conditions = tuple(run.condition for run, _ in measured)
    if is_tail(metric):
        return TailRatio(values, conditions, metric, tuple(measured))
    return Ratio(values, conditions)


def _both(pair: Pair, metric: str) -> bool:
    return all(_value(run, metric) > 0 for run in pair)


def _value(run: Run, metric: str) -> float:
    return run.number(metric) or 0.0
