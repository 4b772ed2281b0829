"""Paired ratios: the only comparison that means anything on a machine that drifts."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log
from statistics import geometric_mean
from typing import Any

from pipeline.compare.circumstances import unlike
from pipeline.compare.intervals import CONFIDENCE, Estimate, estimate
from pipeline.compare.run import Run

LARGEST = 700.0
"""Logarithm of about the largest number there is."""


@dataclass(frozen=True)
class Ratio:
    """An arm against the baseline, one value a pair of runs.

    Attributes:
        values: the arm's figure ÷ the baseline's.
        conditions: under which each pair was measured: all under one, if not given.
        repeats: in which each pair was measured; none is another's, if not given.
        unlike: circumstances in which the two runs of pairs differ, such as `threads 1 against 2`.
        undivided: how many more pairs there are, of which one run has no figure above 0.
    """

    values: tuple[float, ...]
    conditions: tuple[Hashable, ...] = ()
    repeats: tuple[Hashable, ...] = ()
    unlike: tuple[str, ...] = ()
    undivided: int = 0

    @property
    def pairs(self) -> int:
        """How many pairs of runs it rests on."""
        return len(self.values)

    @property
    def paired(self) -> str:
        """How many pairs it rests on, as text: `3`, or `2 of 3` where one could not be divided."""
        return f"{self.pairs}{f' of {self.pairs + self.undivided}' if self.undivided else ''}"

    @property
    def mean(self) -> float:
        """Geometric mean of the paired ratios."""
        return geometric_mean(self.values)

    @cached_property
    def estimate(self) -> Estimate | None:
        """The mean of the logarithms and how sure it is; None where nothing was repeated."""
        return estimate(*self.logarithms)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the mean; None where nothing was repeated."""
        return self.interval_of(CONFIDENCE)

    def interval_of(self, confidence: float) -> tuple[float, float] | None:
        """The same with another confidence."""
        if self.estimate is None:
            return None
        low, high = self.estimate.interval(confidence)
        return exp(low), exp(min(high, LARGEST))

    @property
    def p_value(self) -> float | None:
        """Of the paired t test on logarithms that the mean is 1; None as for the interval."""
        return self.estimate.p_value if self.estimate else None

    @property
    def logarithms(self) -> tuple[list[float], Sequence[Hashable], Sequence[Hashable]]:
        """Of each pair: logarithm of the ratio, condition and repeat."""
        logs = [log(value) for value in self.values]
        return logs, self.conditions or [()] * self.pairs, self.repeats or range(self.pairs)

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
    """How many times the baseline's value; None when no two runs can be paired."""
    found = pairs(runs, baseline)
    measured = [each for each in found if divisible(each, metric)]
    if not measured:
        return None
    values = tuple(_value(run, metric) / _value(other, metric) for run, other in measured)
    conditions = tuple(run.condition for run, _ in measured)
    repeats = tuple((run.sweep, other.sweep, run.repeat) for run, other in measured)
    return Ratio(values, conditions, repeats, unlike(measured), len(found) - len(measured))


def divisible(pair: Pair, metric: str) -> bool:
    """Whether both runs have a figure above 0, so that a ratio and its logarithm exist."""
    return all(_value(run, metric) > 0 for run in pair)


def _value(run: Run, metric: str) -> float:
    return run.number(metric) or 0.0
