"""Jain's index, and what is shared."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.definitions import NOT_MEASURED
from pipeline.metrics.fairness import fairness, jain
from pipeline.metrics.timeline import RequestRecord

Make = Callable[..., RequestRecord]

shares = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20)


def test_jain_by_hand() -> None:
    assert jain([5.0, 5.0, 5.0]) == 1
    assert jain([3.0, 0.0, 0.0]) == pytest.approx(1 / 3)
    assert jain([1.0, 2.0]) == pytest.approx(9 / 10)
    assert jain([0.0]) == jain([]) == NOT_MEASURED


@given(shares, st.floats(0.01, 100))
def test_jain_has_its_bounds_and_no_unit(some: list[float], factor: float) -> None:
    found = jain(some)
    assert isinstance(found, float)
    assert 1 / len(some) <= found * (1 + 1e-9) and found <= 1 + 1e-9
    assert jain([share * factor for share in some]) == pytest.approx(found)


@given(st.integers(1, 10), st.integers(0, 10))
def test_k_that_are_served_of_n(served: int, starved: int) -> None:
    assert jain([2.0] * served + [0.0] * starved) == pytest.approx(served / (served + starved))


def test_asking_for_more_is_no_unfairness(make: Make) -> None:
    often = [make(adapter="popular") for _ in range(9)]
    assert fairness([*often, make(adapter="rare")])["jain_index/adapters"] == pytest.approx(1)


def test_waiting_longer_is(make: Make) -> None:
    """Three tokens in 3 s beside three in 6 s: speeds of 1 and 1/2."""
    found = fairness([make(), make(adapter="y", finished=106.0)])
    assert found == {"jain_index/adapters": pytest.approx(1.5**2 / (2 * 1.25))}


def test_failed_requests_were_not_served(make: Make) -> None:
    found = fairness([make(), make(adapter="y", error="boom")])
    assert found["jain_index/adapters"] == pytest.approx(1 / 2)


def test_an_adapter_that_failed_at_once_got_nothing(make: Make) -> None:
    gone = make(adapter="y", error="boom", tokens=(), output_ids=(), finished=100.0)
    assert fairness([make(), gone])["jain_index/adapters"] == pytest.approx(1 / 2)
    whole = make(adapter="y", finished=100.0)
    assert fairness([make(), whole])["jain_index/adapters"] == 1, "no speed comes of no time"


def test_tenants_have_an_index_where_they_are_named(make: Make) -> None:
    slow = make(tenant="small", finished=106.0)
    found = fairness([make(tenant="large"), make(tenant="large"), slow])
    assert found["jain_index/tenants"] == pytest.approx(1.5**2 / (2 * 1.25))
    assert "jain_index/tenants" not in fairness([make(), make()])
