"""Whether the harness kept the schedule."""

from collections.abc import Callable

import pytest

from pipeline.metrics.definitions import N_TOO_SMALL, NOT_MEASURED
from pipeline.metrics.dispatch import dispatch, held_back, late
from pipeline.metrics.timeline import RequestRecord

Make = Callable[..., RequestRecord]


def due(make: Make, seconds: float, lag: float = 0.0, took: float = 1.0, **more: object):
    """A request that fell due then, and took so long."""
    stamps = {"scheduled": seconds, "submitted": seconds + lag, "admitted": seconds + lag}
    ended = seconds + took
    return make(**stamps, lag=lag, tokens=(ended,), finished=ended, output_ids=(7,), **more)


def test_lag_counts_every_request(make: Make) -> None:
    lags = [make(lag=0.5, error="boom"), *(make(lag=0.0) for _ in range(661))]
    found = dispatch(lags)
    assert found["dispatch_lag_s/p50"] == 0.0
    assert found["dispatch_lag_s/p99"] == pytest.approx(0.0)
    assert dispatch(lags[1:])["dispatch_lag_s/p99"] == N_TOO_SMALL
    assert dispatch(lags[:1])["dispatch_lag_s/p50"] == 0.5


def test_rates_leave_both_ends_out(make: Make) -> None:
    """Ten a second, the first after 5 s, the last one taking 60 s: neither is a fault."""
    run = [due(make, 5 + 0.1 * k, took=60.0) for k in range(101)]
    found = dispatch(run)
    assert found["target_rps"] == found["achieved_rps"] == pytest.approx(10)
    assert late(run) == ()


def test_the_engines_own_busy_step_is_no_lag(make: Make) -> None:
    """Handed over 3 s late because of a step, with no lag of the harness's own."""
    run = [due(make, 0.1 * k, took=10.0) for k in range(100)]
    stalled = [make(scheduled=10.0, submitted=13.0, lag=0.0, tokens=(14.0,), finished=14.0)]
    assert late([*run, *stalled]) == ()


def test_a_harness_that_falls_behind_is_named(make: Make) -> None:
    """Every request 3 % later than the last: a rate below 98 % of the target."""
    run = [due(make, 0.1 * k, lag=0.003 * k, took=1000.0) for k in range(101)]
    assert dispatch(run)["achieved_rps"] == pytest.approx(10 / 1.03)
    assert late(run) == ("9.709 requests/s were handed over, 10 fell due",)


@pytest.mark.parametrize(("lag", "reasons"), [(0.0099, 0), (0.0101, 1)])
def test_lag_may_be_a_hundredth_of_the_latency(make: Make, lag: float, reasons: int) -> None:
    found = late([due(make, float(k), lag=lag) for k in range(10)])
    assert len(found) == reasons
    assert all("more than 0.01" in each for each in found)


def test_a_tail_of_lag_is_found_where_the_mean_hides_it(make: Make) -> None:
    """One request in fifty waits for the harness: 0.4 % of the latency, but most of its tail."""
    run = [due(make, float(k), lag=0.2 * (k % 50 == 0)) for k in range(700)]
    (reason,) = late(run)
    assert reason == "dispatch lag's p99 is 0.2 s, the latency's 1 s"
    assert late(run[:600]) == ()


def test_closed_batches_have_no_rate(make: Make) -> None:
    found = dispatch([due(make, 1.0), due(make, 1.0), due(make, 9.0, iteration=1)])
    assert found["target_rps"] == found["achieved_rps"] == NOT_MEASURED


def test_later_turns_that_waited_for_answers_lower_the_rate_and_are_told_of(make: Make) -> None:
    """Ten a second were drawn; every answer takes a second, and each turn waits for the last."""
    run = [due(make, float(k), took=1.0, id=k) for k in range(11)]
    drawn = {k: 0.1 * k for k in range(11)}
    assert late(run) == ()
    (said,) = held_back(run, drawn)
    assert said.startswith("1 requests/s fell due where the arrivals say 10: later turns waited")
    assert held_back(run, {k: float(k) for k in range(11)}) == ()
    assert held_back(run, dict.fromkeys(range(11), 0.0)) == ()
