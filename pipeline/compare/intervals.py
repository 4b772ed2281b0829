"""How far the mean of a few repeats may be from the truth.

Repeats are drawn at random, conditions are not, and the runs of one repeat share its fortunes: an
engine that was placed badly in memory is slow in all of its traces. So the repeat is the unit. What
its pairs of runs differ from the means of their own conditions is added up, and the spread of those
sums over the repeats is what counts, with one degree of freedom fewer than there are repeats. Each
repeat's sum is one draw of the same law, however much noisier one condition is than another.

Repeats that share no condition, as those of two sweeps, spread on their own; the degrees of freedom
of the whole are Welch's ("The generalization of 'Student's' problem when several different
population variances are involved", Biometrika 34, 1947).

`python -m pipeline.compare.coverage` counts how often the intervals hold the truth.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from statistics import fmean

CONFIDENCE = 0.95

METHOD = "Student's t over repeats"


@dataclass(frozen=True)
class Estimate:
    """A mean and how far it may be off.

    Attributes:
        mean: of all values.
        error: its standard error.
        freedom: the degrees of freedom that has.
    """

    mean: float
    error: float
    freedom: float

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The range that holds the true mean in that share of all cases."""
        from scipy.special import stdtrit

        reach = float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.error
        return self.mean - reach, self.mean + reach

    @property
    def p_value(self) -> float:
        """Of the two-sided t test that the true mean is zero."""
        from scipy.special import stdtr

        if self.error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return float(2 * stdtr(self.freedom, -abs(self.mean) / self.error))


def estimate(
    values: Sequence[float], conditions: Sequence[Hashable], repeats: Sequence[Hashable]
) -> Estimate | None:
    """The mean of all values; None where nothing was repeated.

    Args:
        values: one a pair of runs.
        conditions: each value's; what sets them apart is no noise.
        repeats: each value's; those of one repeat may err together.
    """
    rows = list(zip(residuals(values, conditions), conditions, repeats, strict=True))
    variances, freedoms, known = [], [], 0
    for stratum in strata(conditions, repeats):
        inside = [row for row in rows if row[1] in stratum.conditions]
        freedom = len(stratum.repeats) - 1
        if freedom:
            sums = totals([row[0] for row in inside], [row[2] for row in inside])
            apart = len(inside) / (len(inside) - len(stratum.conditions))
            together = len(stratum.repeats) / freedom
            variances.append(fsum(each**2 for each in sums) * max(apart, together))
            freedoms.append(freedom)
            known += len(inside)
    if not known:
        return None
    error = sqrt(fsum(variances) / known / len(values))
    return Estimate(fmean(values), error, _welch(variances, freedoms))


def student(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean of independent values; None of a single one."""
    found = estimate(values, [()] * len(values), range(len(values)))
    return found.interval() if found else None


def residuals(values: Sequence[float], conditions: Sequence[Hashable]) -> list[float]:
    """What each value is above the mean of its condition."""
    groups: dict[Hashable, list[float]] = defaultdict(list)
    for value, condition in zip(values, conditions, strict=True):
        groups[condition].append(value)
    means = {condition: fmean(group) for condition, group in groups.items()}
    return [value - means[at] for value, at in zip(values, conditions, strict=True)]


def totals(values: Sequence[float], repeats: Sequence[Hashable]) -> list[float]:
    """The sum of each repeat."""
    groups: dict[Hashable, list[float]] = defaultdict(list)
    for value, repeat in zip(values, repeats, strict=True):
        groups[repeat].append(value)
    return [fsum(group) for group in groups.values()]


@dataclass(frozen=True)
class Stratum:
    """Conditions and repeats that are tied together by the runs they share.

    Attributes:
        conditions: all that were measured in some of the repeats.
        repeats: all in which some of the conditions were measured.
    """

    conditions: frozenset[Hashable]
    repeats: frozenset[Hashable]


def strata(conditions: Sequence[Hashable], repeats: Sequence[Hashable]) -> list[Stratum]:
    """The conditions and repeats of all pairs of runs, parted where none ties them together."""
    found: list[Stratum] = []
    for condition, repeat in dict.fromkeys(zip(conditions, repeats, strict=True)):
        tied = [each for each in found if condition in each.conditions or repeat in each.repeats]
        found = [each for each in found if each not in tied]
        found.append(
            Stratum(
                frozenset({condition}).union(*(each.conditions for each in tied)),
                frozenset({repeat}).union(*(each.repeats for each in tied)),
            )
        )
    return found


def _welch(variances: Sequence[float], freedoms: Sequence[int]) -> float:
    """Degrees of freedom of a sum of variances, between the least of theirs and their sum."""
    if not fsum(variances):
        return float(sum(freedoms))
    pairs = zip(variances, freedoms, strict=True)
    squares = fsum(variance**2 / (freedom + 2) for variance, freedom in pairs)
    return float(min(max(fsum(variances) ** 2 / squares - 2, min(freedoms)), sum(freedoms)))


def interaction_p_value(
    values: Sequence[float], conditions: Sequence[Hashable], repeats: Sequence[Hashable]
) -> float | None:
    """Of the F test of arm × repeat against arm × repeat × trace; None where it can't be made.

    Each repeat starts every engine anew, and where its memory lies, or what shares a cache with
    it, may stay for all it measures. No order of the runs removes that, which is why intervals take
    the repeat as their unit, whether it shows or not: a test that could tell with three repeats
    would have to find an effect of the size of the noise, and it mostly doesn't.

    Sums of squares are over the values (logarithms of ratios), less the means of their conditions.
    Arguments are as for `estimate`.
    """
    from scipy.special import fdtrc

    found = strata(conditions, repeats)
    between = sum(len(each.repeats) - 1 for each in found)
    within = len(values) - sum(len(each.conditions) for each in found) - between
    if not between or within < 1:
        return None
    rest = residuals(values, conditions)
    sizes = totals([1.0] * len(values), repeats)
    effect = fsum(t**2 / size for t, size in zip(totals(rest, repeats), sizes, strict=True))
    noise = fsum(each**2 for each in rest) - effect
    if noise <= 0:
        return 0.0 if effect else None
    return float(fdtrc(between, within, effect / between / (noise / within)))
