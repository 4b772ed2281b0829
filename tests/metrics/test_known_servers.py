"""The search against simulated servers whose capacity is known, at its defaults.

`python -m pipeline.metrics.known_servers` does the same at full size.
"""

from decimal import Decimal, getcontext
from math import factorial

import numpy as np
import pytest

from pipeline.metrics import known_servers
from pipeline.metrics.capacity import Search
from pipeline.metrics.known_servers import SERVERS, Server, SimulatedRun, calibration

SEARCHES = 16


@pytest.fixture(scope="module")
def calibrations():
    return [calibration(server, SEARCHES, Search()) for server in SERVERS]


def test_the_rate_found_is_the_true_one_within_three_percent_in_the_mean(calibrations):
    for server, found in zip(SERVERS, calibrations, strict=True):
        assert abs(found.error) < 0.03, server


def test_the_interval_holds_the_truth_as_often_as_it_should(calibrations):
    assert np.mean([found.holds for found in calibrations]) >= 0.9


def test_it_isnt_bought_with_intervals_that_say_nothing(calibrations):
    for server, found in zip(SERVERS, calibrations, strict=True):
        assert found.width < 1.6 and found.doubted <= 0.2, server


def test_the_truth_for_one_place_and_constant_service_is_erlangs():
    """P(wait ≤ t) = (1 - λs) Σₖ (-λ(t - ks))ᵏ ÷ k! · exp(λ(t - ks)), k ≤ t ÷ s (Erlang, 1909)."""
    server = SERVERS[0]
    assert (server.places, server.cv) == (1, 0)
    getcontext().prec = 60
    rate, service, limit = (
        Decimal(str(each)) for each in (server.capacity, server.mean_s, server.limit_s)
    )
    left = [rate * (limit - k * service) for k in range(int(limit / service) + 1)]
    terms = [(-u) ** k / Decimal(factorial(k)) * u.exp() for k, u in enumerate(left)]
    assert float(1 - (1 - rate * service) * sum(terms)) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_one_in_a_hundred_waits_too_long_at_the_true_capacity(server):
    """600,000 requests; the bounds are four standard errors of a mean of 300 runs."""
    runs = [SimulatedRun(server.capacity, 2000, 1000)] * 300
    shares = server.missed(runs, np.random.default_rng(5)) / 2000
    assert abs(shares.mean() - 0.01) < 4 * shares.std() / len(runs) ** 0.5


def test_requests_wait_in_order_for_the_first_free_place():
    """By hand: two places, service of 1 s, arrivals each 0.4 s: waits 0, 0, 0.2, 0.2, 0.4 …"""

    class Clock:
        def exponential(self, size):
            return np.full(size, 0.4)

    for limit, late in ((0.0, 6), (0.3, 4), (0.5, 2), (0.7, 0)):
        server = Server(2, 1.0, 0.0, limit + 1e-9, 2.0)
        assert list(server.missed([SimulatedRun(1.0, 8, 0), SimulatedRun(1.0, 2, 0)], Clock())) == [
            late,
            0,
        ]


def test_the_command_prints_a_row_a_server(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["known_servers", "--searches", "2"])
    monkeypatch.setattr(known_servers, "SERVERS", SERVERS[:1])
    known_servers.main()
    header, row = capsys.readouterr().out.splitlines()
    assert "mean error" in header and "41.6/s" in row
