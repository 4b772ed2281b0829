"""The highest rate at which enough requests keep the limits, and how sure that is.

The search is a function of what was measured so far, so it can stop anywhere and go on later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any

from pydantic import Field, PositiveInt, model_validator
from pydantic.dataclasses import dataclass as settings
from pydantic_core import ArgsKwargs

from pipeline.errors import UsageError
from pipeline.metrics.attainment import Posterior, Probe, posterior
from pipeline.metrics.definitions import NOT_MEASURED, Value
from pipeline.metrics.slo import Slo
from pipeline.settings import STRICT

HIGHER, LOWER = 1.5, 0.5
"""The next rate ÷ the last, while all were kept, or missed."""

HOPELESS = 16
"""At a rate so many times below the throughput under overload nobody waits for anybody."""

TOLD = 2.0
"""Where the interval's ends are further apart, in proportion, the capacity isn't told."""

UNLIKELY = 0.01
"""So improbable a number of misses in the last run says that the others don't describe it."""

GONE = {
    "precision": "capacity.runs buys it, and the interval says how much there is",
    "repeats": "every run has a rate and arrivals of its own, capacity.runs in all",
    "rates": "every run has a rate and arrivals of its own, capacity.runs in all",
}
"""Settings of earlier versions, and what replaces them."""


@settings(frozen=True, config=STRICT, kw_only=True)
class Search:
    """Settings of the `capacity` section.

    Attributes:
        attainment: share of the requests that must keep every limit of `slo`.
        start: first rate, requests a second; so high that it tells the throughput under overload.
        seconds: how long a run counts at least, but for the first.
        limits: how many times the longest limit of `slo` on the wait for a token or an answer it
            counts at least: in a shorter time no queue of that length comes and goes.
        run_in: served before that and not counted, as a share of it.
        runs: how many there are, each with a rate and arrivals of its own.
        confidence: of the interval.
    """

    attainment: Annotated[float, Field(gt=0, lt=1)] = 0.99
    start: Annotated[float, Field(gt=0, le=1e6)] = 1000.0
    seconds: Annotated[float, Field(gt=0, le=1e6)] = 25.0
    limits: Annotated[float, Field(gt=0, le=1e6)] = 100.0
    run_in: Annotated[float, Field(gt=0, le=10)] = 0.25
    runs: Annotated[PositiveInt, Field(ge=3)] = 12
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95

    @model_validator(mode="before")
    @classmethod
    def _today(cls, given: Any) -> Any:
        named = (given.kwargs or {}) if isinstance(given, ArgsKwargs) else given
        for name in GONE:
            if isinstance(named, Mapping) and name in named:
                raise UsageError(f"capacity.{name}: is gone; {GONE[name]}")
        return given

    def lasting(self, slo: Slo) -> float:
        """Seconds that a run counts, but for the first."""
        return max(self.seconds, *(self.limits * (each or 0) for each in (slo.ttft, slo.e2e)))

    def counts(self, rate: float, slo: Slo, least: int, first: bool) -> tuple[int, int]:
        """Requests of a run that are counted, and of its run-in; the first run has none."""
        if first:
            return least, 0
        counted = max(least, ceil(rate * self.lasting(slo)))
        return counted, ceil(counted * self.run_in)


@dataclass(frozen=True)
class Capacity:
    """What a search has found so far.

    Attributes:
        probes: in the order they were made.
        rate: the median of what is known of it, requests a second; None where nothing is.
        low: lower end of its interval; 0 where there is none.
        high: upper end; None where there is none.
        surprise: probability of as many misses as in the last run, by all others; None without.
    """

    probes: tuple[Probe, ...]
    rate: float | None = None
    low: float = 0.0
    high: float | None = None
    surprise: float | None = None

    def doubts(self, search: Search) -> tuple[str, ...]:
        """Why the rate found should not be believed, one line each."""
        if self.rate is None or self.high is None:
            kept = any(each.share >= search.attainment for each in self.probes[1:])
            where = "everywhere" if kept else "nowhere"
            by_rate = sorted(self.probes, key=lambda each: each.rate)
            span = f"from {_said(by_rate[0])} to {_said(by_rate[-1])}"
            return (f"no capacity: the limits were kept {where}, {span}",)
        found = []
        if self.high > TOLD * self.low:
            between = f"between {self.low:.4g} and {self.high:.4g}/s"
            found.append(f"capacity can't be told: it lies {between}; more capacity.runs tell")
        if self.surprise is not None and self.surprise < UNLIKELY:
            last = f"{_said(self.probes[-1])}, a chance of {self.surprise:.1g} by the other runs"
            found.append(f"capacity is not confirmed by the last run: {last}")
        return tuple(found)

    def metrics(self) -> dict[str, Value]:
        """`capacity_rps` with `/low` and `/high`, and `capacity_attainment`."""
        return {
            "capacity_rps": NOT_MEASURED if self.rate is None else self.rate,
            "capacity_rps/low": self.low,
            "capacity_rps/high": NOT_MEASURED if self.high is None else self.high,
            "capacity_attainment": NOT_MEASURED if self.rate is None else self.probes[-1].share,
        }


def capacity(probes: Sequence[Probe], search: Search) -> Capacity:
    """What those runs say, given in the order they were made."""
    known = _known(probes, search)
    if known is None:
        return Capacity(tuple(probes))
    before = _known(probes[:-1], search)
    low, middle, high = (known.quantile(0.5 + side * search.confidence / 2) for side in (-1, 0, 1))
    surprise = None if before is None else before.surprise(probes[-1])
    return Capacity(tuple(probes), middle, low, high, surprise)


def following(probes: Sequence[Probe], search: Search) -> float | None:
    """The rate to try next, in requests a second; None where the search is over.

    First overload, then what was served under it; from there down until a rate keeps the limits,
    or up until one misses them; from then on the likeliest capacity by all runs so far.
    """
    if not probes:
        return _rounded(search.start)
    if len(probes) >= search.runs:
        return None
    served = max(each.served_rps for each in probes)
    known = _known(probes, search)
    if known is not None:
        return _rounded(known.quantile(0.5))
    tried = probes[1:]
    if not tried:
        return _rounded(served) if served > 0 else None
    if any(each.share >= search.attainment for each in tried):
        return _rounded(max(each.rate for each in tried) * HIGHER)
    lower = min(each.rate for each in tried) * LOWER
    return _rounded(lower) if lower * HOPELESS >= served else None


def _known(probes: Sequence[Probe], search: Search) -> Posterior | None:
    """By all but the first, which starts from nothing and ends soon; None without both kinds."""
    tried = tuple(probes[1:])
    kept = {each.share >= search.attainment for each in tried}
    return posterior(tried, search.attainment) if len(kept) == 2 else None


def _rounded(rate: float) -> float:
    """To four digits, so that a rate can be read and typed."""
    return float(f"{rate:.4g}")


def _said(probe: Probe) -> str:
    return f"{probe.share:.1%} at {probe.rate:g}/s"
