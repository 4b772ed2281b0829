"""Paired ratios: the only comparison that means anything on a machine that drifts.

What one engine entered twice differs from itself (`twins`) is the noise floor of all others.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import exp, log
from statistics import geometric_mean

from pipeline.compare.circumstances import differences, unlike
from pipeline.compare.intervals import CONFIDENCE, Estimate, estimate, interaction_p_value
from pipeline.compare.pairs import Pair, divisible, pairs
from pipeline.compare.run import Run
from pipeline.compare.settings import alike

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
    def interaction_p_value(self) -> float | None:
        """Whether the arm does better in one repeat than in another, in all of its traces."""
        return interaction_p_value(*self.logarithms)

    @property
    def logarithms(self) -> tuple[list[float], Sequence[Hashable], Sequence[Hashable]]:
        """Of each pair: logarithm of the ratio, condition and repeat."""
        logs = [log(value) for value in self.values]
        return logs, self.conditions or [()] * self.pairs, self.repeats or range(self.pairs)

    @property
    def excludes_one(self) -> bool:
        """Whether all of the interval lies on one side of 1."""
        return self.interval is not None and not self.interval[0] <= 1 <= self.interval[1]


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


def _value(run: Run, metric: str) -> float:
    return run.number(metric) or 0.0


@dataclass(frozen=True)
class Twins:
    """Two arms that are one: the A/A comparison.

    Attributes:
        arm: the one.
        twin: the other.
        ratio: the twin against it.
    """

    arm: str
    twin: str
    ratio: Ratio

    @property
    def floor(self) -> float | None:
        """The largest difference the interval allows, as a share; None of one repeat."""
        if self.ratio.interval is None:
            return None
        low, high = self.ratio.interval
        return max(high - 1, 1 - low)


def twins(runs: Sequence[Run], metric: str) -> Iterator[Twins]:
    """Every A/A comparison among the runs: same settings, same sweep, like circumstances."""
    arms: dict[str, list[Run]] = {}
    for run in runs:
        arms.setdefault(run.arm, []).append(run)
    for (arm, ours), (twin, theirs) in combinations(arms.items(), 2):
        both = pairs(theirs, ours)
        if both and all(map(_same, both)) and (found := ratio(theirs, ours, metric)):
            yield Twins(arm, twin, found)


def _same(pair: Pair) -> bool:
    run, other = pair
    return (
        run.sweep == other.sweep
        and not differences(run, other)
        and alike(run.settings, other.settings)
    )
