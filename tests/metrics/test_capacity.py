"""The search for a capacity, against systems whose capacity is known."""

from collections.abc import Callable
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics.capacity import Probe, Search, capacity, following

System = Callable[[float], float]
"""From a rate to the share of its requests that keep the limits."""

REQUESTS = 200


def probe(rate: float, share: float, served: float = 20.0) -> Probe:
    return Probe(rate, round(share * REQUESTS), REQUESTS, min(rate, served))


def searched(system: System, search: Search, served: float = 20.0) -> list[Probe]:
    trials: list[Probe] = []
    while (rate := following(trials, search)) is not None:
        trials.append(probe(rate, system(rate), served))
        assert len(trials) <= search.rates * search.repeats
    return trials


def cliff(edge: float) -> System:
    """All keep the limits up to the edge, and half of them beyond."""
    return lambda rate: 1.0 if rate <= edge else 0.5


@settings(deadline=None, max_examples=50)
@given(st.floats(1, 2000), st.floats(0.05, 0.5))
def test_the_edge_is_found_and_confirmed(edge: float, precision: float) -> None:
    search = Search(precision=precision, rates=40)
    found = capacity(searched(cliff(edge), search, served=edge * 1.3), search)
    assert found.low <= edge < found.high <= found.low * (1 + precision) * 1.001
    assert found.rate == pytest.approx(sqrt(found.low * found.high))
    if precision <= 0.2:
        assert found.doubts(search) == ()
        assert found.below.rate == pytest.approx(0.9 * found.rate, rel=1e-3)
        assert found.above.rate == pytest.approx(1.1 * found.rate, rel=1e-3)


def test_overload_tells_where_to_look_next() -> None:
    search = Search(start=1000)
    assert following([], search) == 1000
    assert following([probe(1000, 0.1, served=34.56)], search) == 34.56
    assert following([probe(1000, 0.1, served=800)], search) == 500
    assert following([probe(1000, 1.0), probe(1000, 1.0)], search) == 2000
    assert following([probe(1000, 0.6, served=30), probe(1000, 0.6, served=30)], search) == 30


@settings(deadline=None, max_examples=50)
@given(st.floats(1, 100), st.randoms(use_true_random=False))
def test_a_noisy_system_ends_the_search_and_the_gap_holds_every_contradiction(edge, random) -> None:
    search = Search()
    trials = searched(lambda rate: min(1.0, random.uniform(0.97, 1.02) * edge / rate), search)
    found = capacity(trials, search)
    for each in found.probes:
        kept = each.kept(search)
        assert not (kept and found.high is not None and each.rate >= found.high)
        assert kept or each.rate > found.low
    if not found.doubts(search):
        assert found.below.kept(search) and not found.above.kept(search)


def test_a_system_that_never_keeps_the_limits_ends_the_search() -> None:
    search = Search()
    trials = searched(lambda rate: 0.5, search)
    found = capacity(trials, search)
    assert min(each.rate for each in trials) < 1
    assert (found.low, found.rate) == (0, None)
    assert found.metrics()["capacity_rps"] == "not measured"
    (doubt,) = found.doubts(search)
    assert doubt.startswith("no capacity: the limits were kept nowhere, from 50.0% at ")


def test_a_system_without_a_limit_ends_the_search() -> None:
    search = Search(rates=5)
    found = capacity(searched(lambda rate: 1.0, search), search)
    assert len(found.probes) == 5
    assert (found.high, found.rate) == (None, None)
    assert "kept everywhere" in found.doubts(search)[0]


@pytest.mark.parametrize(
    ("shares", "kept"),
    [
        ((0.4,), False),
        ((0.8, 0.8), False),
        ((1.0, 1.0), True),
        ((1.0, 0.8, 1.0), True),
        ((0.8, 1.0, 0.8), False),
    ],
)
def test_more_than_half_of_three_runs_decide(shares: tuple[float, ...], kept: bool) -> None:
    """A hiccup in one of them doesn't, and overload shows in the first."""
    search, trials = Search(repeats=3), [probe(1000, share) for share in shares]
    for made in range(1, len(trials)):
        assert following(trials[:made], search) == 1000
    assert following(trials, search) != 1000
    (found,) = capacity(trials, search).probes
    assert found.decided(search) and found.kept(search) is kept


def test_what_confirms_a_rate_is_the_median_run() -> None:
    shares = {100: (1.0, 1.0), 100.2: (0.7, 0.7), 90.09: (1.0, 0.5, 1.0), 110.1: (0.7, 0.5)}
    trials = [probe(rate, share) for rate, each in shares.items() for share in each]
    found = capacity(trials, Search()).metrics()
    assert found["capacity_attainment/below"] == 1.0
    assert found["capacity_attainment/above"] == pytest.approx(0.6)


def test_runs_at_a_rate_count_together() -> None:
    (pooled,) = capacity([probe(10, 1.0), probe(10, 0.95)], Search()).probes
    assert (pooled.good, pooled.requests, pooled.runs) == (390, 400, (1.0, 0.95))
    assert pooled.share == 0.975


def test_the_interval_is_clopper_and_pearsons() -> None:
    """From n of n its lower end is (α/2)^(1/n); from 1 of 10 the tables say 0.0025 to 0.4450."""
    assert Probe(1.0, 400, 400, 1.0).interval(0.95) == pytest.approx((0.025 ** (1 / 400), 1.0))
    assert Probe(1.0, 1, 10, 1.0).interval(0.95) == pytest.approx((0.0025, 0.4450), abs=5e-5)


def test_a_confirmation_that_fails_is_a_doubt() -> None:
    search = Search()
    trials = [probe(10, 1.0), probe(10.9, 0.5)]
    middle = sqrt(10 * 10.9)
    below = float(f"{0.9 * middle:.4g}")
    assert following([*trials, trials[1]], search) == below
    assert "not tried" in capacity(trials, search).doubts(search)[0]
    missed = capacity([*trials, probe(below, 0.9)], search)
    assert missed.low == 0
    assert missed.doubts(search)
