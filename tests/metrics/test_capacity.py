"""The search for a capacity: which rates it asks for, when it ends, and what it doubts."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.metrics.attainment import Probe
from pipeline.metrics.capacity import GONE, Search, capacity, following
from pipeline.metrics.slo import Slo

System = Callable[[float], float]
"""From a rate to the share of its requests that keep the limits."""

REQUESTS = 500


def probe(rate: float, share: float, served: float = 20.0) -> Probe:
    return Probe(rate, round(share * REQUESTS), REQUESTS, min(rate, served))


def searched(system: System, search: Search, served: float = 20.0) -> list[Probe]:
    trials: list[Probe] = []
    while (rate := following(trials, search)) is not None:
        trials.append(probe(rate, system(rate), served))
        assert len(trials) <= search.runs
    return trials


def cliff(edge: float) -> System:
    """All keep the limits up to the edge, and half of them beyond."""
    return lambda rate: 1.0 if rate <= edge else 0.5


@settings(deadline=None, max_examples=15)
@given(st.floats(1, 2000), st.floats(0.3, 1.1))
def test_an_edge_is_found(edge: float, load: float) -> None:
    search = Search()
    found = capacity(searched(cliff(edge), search, served=edge / load), search)
    assert found.low <= edge * 1.001 and edge * 0.999 <= found.high
    assert found.rate == pytest.approx(edge, rel=0.1)
    assert found.doubts(search) == ()


def test_overload_tells_where_to_look_next() -> None:
    search, overload = Search(start=1000), probe(1000, 0.1, served=34.56)
    assert following([], search) == 1000
    assert following([overload], search) == 34.56
    assert following([overload, probe(34.56, 0.6)], search) == 17.28
    assert following([overload, probe(34.56, 1.0)], search) == 51.84
    assert 17.28 < following([overload, probe(34.56, 0.6), probe(17.28, 1.0)], search) < 34.56


def test_the_first_run_tells_the_throughput_alone() -> None:
    """It starts from nothing and is over soon: what it keeps, it may not keep for long."""
    rest = [probe(30, 0.9), probe(20, 1.0), probe(25, 0.99)]
    search = Search()
    found = {capacity([probe(1000, share), *rest], search).rate for share in (0.0, 0.5, 1.0)}
    assert len(found) == 1


def test_a_system_that_never_keeps_the_limits_ends_the_search() -> None:
    search = Search(runs=30)
    trials = searched(lambda rate: 0.5, search)
    found = capacity(trials, search)
    assert min(each.rate for each in trials) < 2
    assert (found.low, found.rate) == (0, None)
    assert found.metrics()["capacity_rps"] == "not measured"
    (doubt,) = found.doubts(search)
    assert doubt.startswith("no capacity: the limits were kept nowhere, from 50.0% at ")


def test_a_system_without_a_limit_ends_the_search() -> None:
    search = Search(runs=5)
    found = capacity(searched(lambda rate: 1.0, search), search)
    assert len(found.probes) == 5
    assert (found.high, found.rate) == (None, None)
    assert "kept everywhere" in found.doubts(search)[0]


def test_a_system_that_serves_nothing_ends_the_search() -> None:
    (only,) = searched(lambda rate: 0.0, search := Search(), served=0.0)
    assert capacity([only], search).doubts(search)


def test_a_capacity_that_few_runs_leave_open_is_a_doubt() -> None:
    search = Search(runs=3)
    found = capacity(searched(cliff(10), search), search)
    assert found.low < 10 < found.high
    assert found.doubts(search)[0].startswith("capacity can't be told: it lies between ")


def test_a_last_run_that_the_others_dont_explain_is_a_doubt() -> None:
    search = Search()
    trials = searched(cliff(15), search)
    assert capacity(trials, search).surprise == pytest.approx(1, abs=0.99)
    other = capacity([*trials[:-1], probe(8, 0.7)], search)
    assert "not confirmed by the last run: 70.0% at 8/s" in other.doubts(search)[-1]


def test_the_interval_is_as_wide_as_its_confidence_asks_for() -> None:
    trials = searched(cliff(15), Search())
    narrow, wide = (capacity(trials, Search(confidence=each)) for each in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.rate == wide.rate < narrow.high < wide.high


def test_a_run_lasts_as_long_as_the_longest_of_its_bounds() -> None:
    search = Search(seconds=10, limits=50, run_in=0.5)
    assert search.counts(8, Slo(tpot=5), 64, first=False) == (80, 40)
    assert search.counts(8, Slo(tpot=5), 640, first=False) == (640, 320)
    assert search.counts(8, Slo(ttft=1), 64, first=False) == (400, 200)
    assert search.counts(8, Slo(ttft=1, e2e=2), 64, first=False) == (800, 400)
    assert search.counts(1000, Slo(ttft=1), 64, first=True) == (64, 0)


@pytest.mark.parametrize("name", sorted(GONE))
def test_settings_of_earlier_versions_say_what_replaces_them(name: str) -> None:
    with pytest.raises(UsageError, match=rf"capacity\.{name}: is gone; .*capacity\.runs"):
        Search(**{name: 3})
