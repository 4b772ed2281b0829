"""How far the mean of a few repeats may be from the truth.

Repeats are drawn at random, conditions are not: the spread that counts is the one of the repeats
about their own condition's mean. Where nothing was repeated, the spread between the conditions
stands in for it, which is wider.

Up to `ENOUGH` repeats the interval is Student's. A bootstrap of so few can't leave the range of
what was seen: of three repeats it misses the truth in at least a quarter of all cases. From there
on it is the bootstrap over repeats, as percentiles widened for small samples (Hesterberg, "What
teachers should know about the bootstrap", The American Statistician 69, 2015, section 5.3).
tests/compare/test_coverage.py counts how often each holds the truth.
"""

from collections.abc import Sequence

CONFIDENCE = 0.95

ENOUGH = 10
"""Repeats of every condition from which on they are resampled."""

RESAMPLES = 4999

Groups = Sequence[Sequence[float]]
"""Logarithms of ratios, by condition."""

STUDENT = "Student's t over repeats"
BOOTSTRAP = "bootstrap over repeats"
ACROSS = "Student's t over conditions, as none was repeated"


def method(groups: Groups) -> str:
    """How the interval is made, in words."""
    if max(map(len, groups)) == 1:
        return ACROSS
    return BOOTSTRAP if min(map(len, groups)) >= ENOUGH else STUDENT


def interval(groups: Groups) -> tuple[float, float] | None:
    """The 95 % interval of the mean of all values; None of a single one."""
    if sum(map(len, groups)) < 2:
        return None
    return _bootstrap(groups) if method(groups) == BOOTSTRAP else student(groups)


def student(groups: Groups) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean of all values, of whatever kind; None of a single one."""
    from scipy.stats import t

    if sum(map(len, groups)) < 2:
        return None
    mean, error, freedom = _mean(groups)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    return mean - reach, mean + reach


def p_value(groups: Groups) -> float | None:
    """Of the paired, two-sided t test that the mean is zero; None of a single value."""
    from scipy.stats import t

    if sum(map(len, groups)) < 2:
        return None
    mean, error, freedom = _mean(groups)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * t.sf(abs(mean) / error, freedom))


def widened(repeats: int, freedom: int) -> float:
    """The level at which a bootstrap's percentiles hold the truth in 95 % of all cases."""
    from scipy.stats import norm, t

    reach = t.ppf((1 + CONFIDENCE) / 2, freedom) * (repeats / (repeats - 1)) ** 0.5
    return float(1 - 2 * norm.sf(reach))


def _mean(groups: Groups) -> tuple[float, float, int]:
    """Mean of all values, its standard error, and the degrees of freedom that has."""
    import numpy as np

    if max(map(len, groups)) == 1:
        groups = [[value for group in groups for value in group]]
    values = np.concatenate([np.asarray(group, float) for group in groups])
    freedom = len(values) - len(groups)
    squares = sum(float(np.var(group)) * len(group) for group in groups)
    return float(values.mean()), (squares / freedom / len(values)) ** 0.5, freedom


def _bootstrap(groups: Groups) -> tuple[float, float]:
    """Repeats are resampled within their condition; seeded, so the same runs give the same."""
    import numpy as np
    from scipy.stats import bootstrap

    total = sum(map(len, groups))

    def mean(*samples: "np.ndarray", axis: int = -1) -> "np.ndarray":
        return np.asarray(sum(sample.sum(axis=axis) for sample in samples) / total)

    found = bootstrap(
        [np.asarray(group, float) for group in groups],
        mean,
        n_resamples=RESAMPLES,
        confidence_level=widened(min(map(len, groups)), total - len(groups)),
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)
