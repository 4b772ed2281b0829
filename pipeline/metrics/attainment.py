"""At which rate too many requests miss their limits, told from runs at several rates.

Near its capacity a server misses limits in lumps: one queue builds up, and a hundred requests in a
row are late. What counts is therefore how many such lumps were seen, not how many requests: a run's
misses are beta-binomial, with a variance so many times a binomial's. The share expected at a rate
is logistic in the rate's logarithm. Its three parameters (the rate sought, the slope, the size of
the lumps) get weights by Bayes' rule on a grid, all points being alike before. `known_servers`
counts how often that holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST, MOST = 1 / 20, 10
"""Odds of a miss below and above these multiples of the odds allowed are not told apart: far below
the capacity there are hiccups, far above it is the length of the run that decides."""

RATES = 61
"""Points of the grid, twice: over all rates that come into question, then over those that do."""

SLOPES = np.geomspace(3, 150, 10)
"""Change of the log-odds of a miss ÷ that of the log rate: few for short waits, many for long."""

LUMPS = 8
"""Points of the grid of variances, from twice a binomial's upwards."""

LONGEST = 1 / 8
"""The largest lumps, as a share of a run: one must be long enough to see several come and go."""

NEGLIGIBLE = 1e-4
"""Relative to the likeliest rate: what comes no more into question."""


@dataclass(frozen=True)
class Probe:
    """What one run found.

    Attributes:
        rate: requests a second.
        good: requests that kept every limit.
        requests: all that were counted.
        served_rps: requests finished a second.
    """

    rate: float
    good: int
    requests: int
    served_rps: float

    @property
    def share(self) -> float:
        """Share of the requests that kept every limit."""
        return self.good / self.requests

    @property
    def missed(self) -> int:
        """Requests that did not."""
        return self.requests - self.good


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of the rate at which exactly the share allowed misses.

    Attributes:
        allowed: that share.
        log_rates: the grid's logarithms of rates.
        lumps: its variances, as multiples of a binomial's.
        weights: over rates, slopes and lumps; their sum is 1.
    """

    allowed: float
    log_rates: Array
    lumps: Array
    weights: Array

    def quantile(self, probability: float) -> float:
        """The rate, in requests a second, that the one sought lies below with so much belief."""
        marginal = self.weights.sum((1, 2))
        return float(
            np.exp(np.interp(probability, np.cumsum(marginal) - marginal / 2, self.log_rates))
        )

    def surprise(self, probe: Probe) -> float:
        """Probability that of another run's requests as many miss as in `probe`, or more."""
        from scipy.special import gammaln

        seen = _seen(probe, self.allowed)
        fewer = np.arange(np.ceil(seen), dtype=float)
        n = probe.requests
        ways = gammaln(n + 1) - gammaln(fewer + 1) - gammaln(n - fewer + 1)
        expected = _expected(self.log_rates, np.array([np.log(probe.rate)]), self.allowed)
        chances = np.exp(ways + _log_chance(fewer, np.float64(n), expected, self.lumps))
        return max(0.0, 1 - float((self.weights * chances.sum(-1)).sum()))


@lru_cache(maxsize=4)
def posterior(probes: Sequence[Probe], attainment: float) -> Posterior:
    """What those runs say, the rate's logarithm being uniform before.

    Args:
        probes: a tuple, in whatever order; among them rates that kept the share and that missed it.
        attainment: share of the requests that must keep every limit.
    """
    allowed = 1 - attainment
    longest = LONGEST * max(each.requests for each in probes)
    lumps = np.geomspace(2, max(16, longest), LUMPS)
    rates = np.log([each.rate for each in probes])
    first, last = rates.min() - np.log(3), rates.max() + np.log(3)
    for _ in range(2):
        grid = np.linspace(first, last, RATES)
        weights = _weights(grid, lumps, probes, allowed)
        marginal = weights.sum((1, 2))
        likely = np.flatnonzero(marginal > NEGLIGIBLE * marginal.max())
        first, last = grid[max(likely[0] - 1, 0)], grid[min(likely[-1] + 1, RATES - 1)]
    return Posterior(allowed, grid, lumps, weights / weights.sum())


def _weights(grid: Array, lumps: Array, probes: Sequence[Probe], allowed: float) -> Array:
    rates = np.log([each.rate for each in probes])
    requests = np.array([each.requests for each in probes], float)
    seen = np.array([_seen(each, allowed) for each in probes])
    chances = _log_chance(seen, requests, _expected(grid, rates, allowed), lumps)
    believed = chances.sum(-1)
    return np.asarray(np.exp(believed - believed.max()))


def _seen(probe: Probe, allowed: float) -> float:
    odds = MOST * allowed / (1 - allowed)
    return min(float(probe.missed), probe.requests * odds / (1 + odds))


def _expected(grid: Array, log_rates: Array, allowed: float) -> Array:
    """Shares that miss, over grid, slopes, one for the lumps, and the rates asked for."""
    usual = np.log(allowed / (1 - allowed))
    raised = SLOPES[:, None, None] * (log_rates - grid[:, None, None, None])
    return np.asarray(1 / (1 + np.exp(-usual - np.clip(raised, np.log(FEWEST), np.log(MOST)))))


def _log_chance(missed: Array, requests: Any, expected: Array, lumps: Array) -> Array:
    """The beta-binomial's logarithm, without the number of ways.

    Its variance is the binomial's times 1 + (n - 1) ÷ (α + β + 1), here made to be the lumps'.
    """
    from scipy.special import betaln

    total = np.maximum((requests - 1) / (lumps[:, None] - 1) - 1, 0.5)
    late, timely = expected * total, (1 - expected) * total
    return np.asarray(betaln(late + missed, timely + requests - missed) - betaln(late, timely))
