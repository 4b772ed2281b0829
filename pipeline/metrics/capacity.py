"""The highest rate at which enough requests keep the limits, and how sure that is.

The search is a function of what was measured so far, so it can stop anywhere and go on later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import median
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass as settings

from pipeline.metrics.percentiles import NOT_MEASURED, Value
from pipeline.settings import STRICT

BELOW, ABOVE = 0.9, 1.1
"""The rate found is confirmed where so many times of it keep the limits, and miss them."""

OVERLOADED = 0.5
"""With so much less than the wanted share, one run is enough."""

HOPELESS = 64
"""At a rate so many times below the throughput under overload nobody waits for anybody."""


@settings(frozen=True, config=STRICT, kw_only=True)
class Search:
    """Settings of the `capacity` section.

    Attributes:
        attainment: share of the requests that must keep every limit of `slo`.
        start: first rate, requests a second; so high that it tells the throughput under overload.
        seconds: how long a run lasts at least, but for those at `start`: so much longer than the
            limits that a queue which grows is seen growing.
        precision: the search ends when missed ÷ kept rate is at most 1 + this.
        repeats: most runs at a rate, each with other arrivals. More than half of them decide, so
            that a single hiccup of the machine doesn't; no more are made than that takes.
        rates: most rates to try.
        confidence: of the intervals.
    """

    attainment: Annotated[float, Field(gt=0, le=1)] = 0.99
    start: PositiveFloat = 1000.0
    seconds: PositiveFloat = 6.0
    precision: PositiveFloat = 0.1
    repeats: PositiveInt = 3
    rates: PositiveInt = 16
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95


@dataclass(frozen=True)
class Probe:
    """What was found at one rate, over all runs there.

    Attributes:
        rate: requests a second.
        good: requests that kept every limit.
        requests: all of them.
        served_rps: requests finished a second.
        runs: the share in each run, where they are more than one.
    """

    rate: float
    good: int
    requests: int
    served_rps: float
    runs: tuple[float, ...] = ()

    @property
    def share(self) -> float:
        """Share of the requests that kept every limit, over all runs."""
        return self.good / self.requests

    @property
    def typical(self) -> float:
        """The share in the median run: a single hiccup of the machine doesn't move it far."""
        return median(self._shares)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Of the share: Clopper and Pearson's (1934), as if requests were independent."""
        from scipy.stats import binomtest

        found = binomtest(self.good, self.requests).proportion_ci(confidence, method="exact")
        return float(found.low), float(found.high)

    def kept(self, search: Search) -> bool:
        """Whether more of its runs reached the wanted share than missed it."""
        return 2 * self._reached(search) > len(self._shares)

    def decided(self, search: Search) -> bool:
        """Whether another run could change nothing, or the rate is hopelessly overloaded."""
        reached, runs = self._reached(search), len(self._shares)
        most = max(reached, runs - reached)
        return 2 * most > search.repeats or self.share < search.attainment * OVERLOADED

    def _reached(self, search: Search) -> int:
        return sum(share >= search.attainment for share in self._shares)

    @property
    def _shares(self) -> tuple[float, ...]:
        return self.runs or (self.share,)


@dataclass(frozen=True)
class Capacity:
    """What a search has found so far.

    Attributes:
        probes: one a rate, by rate.
        low: highest rate kept below the lowest that was missed; 0 where there is none.
        high: lowest rate missed above the highest that was kept; None where there is none.
        below: the probe at 0.9 × the rate found, once there is one.
        above: the one at 1.1 ×.
    """

    probes: tuple[Probe, ...]
    low: float
    high: float | None
    below: Probe | None
    above: Probe | None

    @property
    def rate(self) -> float | None:
        """Between `low` and `high`, as far from either, in proportion; None without both."""
        return sqrt(self.low * self.high) if self.low and self.high else None

    def doubts(self, search: Search) -> tuple[str, ...]:
        """Why the rate found should not be believed, one line each."""
        if self.rate is None:
            why = "kept nowhere" if self.high else "kept everywhere"
            return (f"no capacity: the limits were {why}, {_listed(self.probes)}",)
        found = []
        if self.below is None or not self.below.kept(search):
            found.append(f"capacity is not confirmed: {BELOW:g} x it misses ({_said(self.below)})")
        if self.above is None or self.above.kept(search):
            found.append(f"capacity is not confirmed: {ABOVE:g} x it keeps ({_said(self.above)})")
        return tuple(found)

    def metrics(self) -> dict[str, Value]:
        """`capacity_rps` with `/low` and `/high`, and `capacity_attainment/*`."""
        shares = {"below": self.below, "above": self.above}
        return {
            "capacity_rps": NOT_MEASURED if self.rate is None else self.rate,
            "capacity_rps/low": self.low,
            "capacity_rps/high": NOT_MEASURED if self.high is None else self.high,
            **{
                f"capacity_attainment/{name}": NOT_MEASURED if probe is None else probe.typical
                for name, probe in shares.items()
            },
        }


def capacity(trials: Sequence[Probe], search: Search) -> Capacity:
    """What those runs say; each is a probe of its own, in whatever order."""
    probes = _pooled(trials)
    low, high = _bracket(probes, search)
    at = {probe.rate: probe for probe in probes}
    middle = sqrt(low * high) if low and high else 0.0
    below, above = (at.get(_rounded(middle * factor)) for factor in (BELOW, ABOVE))
    return Capacity(probes, low, high, below, above)


def following(trials: Sequence[Probe], search: Search) -> float | None:
    """The rate to try next, in requests a second; None where the search is over.

    From overload down to a rate that keeps the limits, then half-way between kept and missed
    until they are close; last, 0.9 × and 1.1 × the rate found. If these say otherwise, they have
    widened the gap, and the search goes on in it. A rate is tried again, with other arrivals,
    until more than half of the runs it may have agree.
    """
    if not trials:
        return _rounded(search.start)
    found = capacity(trials, search)
    at = {probe.rate: probe for probe in found.probes}
    last = at[trials[-1].rate]
    if not last.decided(search):
        return last.rate
    if len(at) >= search.rates:
        return None
    wanted = (rate for rate in _candidates(found, search) if rate not in at)
    return next(wanted, None)


def _candidates(found: Capacity, search: Search) -> list[float]:
    """Rates worth trying, the most wanted first; those already tried may be among them."""
    if found.rate is None or found.high is None:
        return _outwards(found)
    between = [found.rate] if found.high > found.low * (1 + search.precision) else []
    return [_rounded(rate) for rate in (*between, found.rate * BELOW, found.rate * ABOVE)]


def _outwards(found: Capacity) -> list[float]:
    if found.high is None:
        return [_rounded(found.probes[-1].rate * 2)]
    lowest, served = found.probes[0], max(probe.served_rps for probe in found.probes)
    lower = _rounded(min(lowest.rate / 2, served))
    return [lower] if lower * HOPELESS >= served > 0 else []


def _bracket(probes: Sequence[Probe], search: Search) -> tuple[float, float | None]:
    kept = [probe.rate for probe in probes if probe.kept(search)]
    missed = [probe.rate for probe in probes if not probe.kept(search)]
    low = max((rate for rate in kept if not missed or rate < min(missed)), default=0.0)
    high = min((rate for rate in missed if not kept or rate > max(kept)), default=None)
    return low, high


def _pooled(trials: Sequence[Probe]) -> tuple[Probe, ...]:
    at: dict[float, Probe] = {}
    for trial in trials:
        known = at.get(trial.rate)
        at[trial.rate] = trial if known is None else _together(known, trial)
    return tuple(at[rate] for rate in sorted(at))


def _together(one: Probe, other: Probe) -> Probe:
    return replace(
        one,
        good=one.good + other.good,
        requests=one.requests + other.requests,
        served_rps=max(one.served_rps, other.served_rps),
        runs=(*(one.runs or (one.share,)), *(other.runs or (other.share,))),
    )


def _rounded(rate: float) -> float:
    """To four digits, so that a rate can be read and typed."""
    return float(f"{rate:.4g}")


def _said(probe: Probe | None) -> str:
    return f"{probe.typical:.1%} at {probe.rate:g}/s" if probe else "not tried"


def _listed(probes: Sequence[Probe]) -> str:
    return f"from {_said(probes[0])} to {_said(probes[-1])}"
