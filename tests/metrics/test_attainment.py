"""What runs at several rates say of the rate at which 1 % of the requests miss."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics.attainment import SLOPES, Probe, posterior

ATTAINMENT = 0.99


def probe(rate: float, missed: int, requests: int = 1000) -> Probe:
    return Probe(rate, requests - missed, requests, rate)


KNOWN = (probe(20, 0), probe(25, 4), probe(30, 9), probe(32, 30), probe(40, 500))


def interval(*probes: Probe) -> tuple[float, float, float]:
    found = posterior(probes, ATTAINMENT)
    return found.quantile(0.025), found.quantile(0.5), found.quantile(0.975)


def test_the_rate_lies_where_the_share_crosses() -> None:
    low, middle, high = interval(*KNOWN)
    assert 20 < low < 25 < middle < 31 < high < 40


@settings(deadline=None, max_examples=20)
@given(st.permutations(KNOWN), st.floats(0.01, 100))
def test_neither_order_nor_unit_of_time_matters(some: list[Probe], factor: float) -> None:
    scaled = (Probe(each.rate * factor, each.good, each.requests, 1.0) for each in some)
    assert interval(*scaled) == pytest.approx([factor * each for each in interval(*KNOWN)])


def test_runs_that_disagree_widen_the_interval() -> None:
    """The same requests and misses in all: spread evenly, or in one lump."""
    around = probe(20, 0), probe(40, 500)
    even = interval(*around, *[probe(30, 10)] * 6)
    lump = interval(*around, *[probe(30, 0)] * 5, probe(30, 60))
    assert lump[2] / lump[0] > 1.5 * even[2] / even[0]


def test_how_far_above_the_capacity_a_rate_was_changes_little() -> None:
    """There the run's length decides how many are late, and not the rate alone."""
    some = KNOWN[:-1]
    bad, worse = interval(*some, probe(40, 300)), interval(*some, probe(40, 1000))
    assert bad == pytest.approx(worse)


def test_more_runs_tell_more() -> None:
    few, many = interval(*KNOWN), interval(*KNOWN, *[probe(30, 9)] * 6)
    assert many[2] / many[0] < few[2] / few[0]


def test_a_hiccup_far_below_the_capacity_decides_nothing() -> None:
    clean, hiccup = interval(*KNOWN), interval(*KNOWN[1:], probe(10, 1))
    assert hiccup[1] == pytest.approx(clean[1], rel=0.05)


def test_what_is_usual_is_no_surprise_and_what_isnt_is() -> None:
    found = posterior((*KNOWN, *[probe(30, 9)] * 6), ATTAINMENT)
    assert found.surprise(probe(29, 0)) == 1
    usual, unusual = found.surprise(probe(29, 8)), found.surprise(probe(22, 90))
    assert usual > 0.2 > 0.01 > unusual
    assert found.surprise(probe(29, 20)) < usual
    assert found.surprise(probe(29, 900)) == found.surprise(probe(29, 1000))


def test_a_surprise_is_the_share_of_runs_that_miss_as_many() -> None:
    """Drawn: parameters by their weights, a run's own share by beta, its misses binomial."""
    found = posterior((*KNOWN, *[probe(30, 9)] * 6), ATTAINMENT)
    random, draws, requests = np.random.default_rng(1), 20_000, 1000
    flat = random.choice(found.weights.size, draws, p=found.weights.ravel())
    where, slope, lump = np.unravel_index(flat, found.weights.shape)
    raised = SLOPES[slope] * (np.log(29) - found.log_rates[where])
    odds = 0.01 / 0.99 * np.exp(np.clip(raised, np.log(1 / 20), np.log(10)))
    expected = odds / (1 + odds)
    total = np.maximum((requests - 1) / (found.lumps[lump] - 1) - 1, 0.5)
    shares = random.beta(expected * total, (1 - expected) * total)
    missed = random.binomial(requests, shares)
    for seen in (1, 5, 20, 60):
        assert found.surprise(probe(29, seen)) == pytest.approx((missed >= seen).mean(), abs=0.015)
