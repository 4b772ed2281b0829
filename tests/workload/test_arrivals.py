"""Arrival processes against their definitions."""

import math
from itertools import pairwise
from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import expon, kstest
from scipy.stats import gamma as gamma_law
from scipy.stats import norm as normal_law

from pipeline.errors import UsageError
from pipeline.workload.arrivals.ramp import Ramp
from pipeline.workload.arrivals.renewal import Constant, Gamma, Poisson
from pipeline.workload.popularity.distinct import Distinct
from pipeline.workload.randomness import exponential, gamma, normal

MANY = 4000


def stamps(process, seed=5):
    return [slot.scheduled_s for slot in process.slots(Random(seed))]


def gaps(process, seed=5):
    times = [0.0, *stamps(process, seed)]
    return [after - before for before, after in pairwise(times)]


def poisson(rate=2.0, requests=MANY, rescale=False):
    return Poisson(name="poisson", rate=rate, requests=requests, rescale=rescale)


def bursty(cv, rate=2.0, requests=MANY, rescale=False):
    return Gamma(name="gamma", rate=rate, cv=cv, requests=requests, rescale=rescale)


def ramp(start, end, requests=MANY, rescale=False):
    return Ramp(name="ramp", start_rate=start, end_rate=end, requests=requests, rescale=rescale)


def drawn(variate, *parameters):
    rng = Random(11)
    return [variate(rng, *parameters) for _ in range(MANY)]


def test_constant():
    assert stamps(Constant(name="c", rate=4, requests=3)) == [0.25, 0.5, 0.75]


def test_the_variates_have_their_distributions():
    assert kstest(drawn(exponential), expon.cdf).pvalue > 0.01
    assert kstest(drawn(normal), normal_law.cdf).pvalue > 0.01
    for shape in (0.25, 1.0, 3.5):
        assert kstest(drawn(gamma, shape), gamma_law(shape).cdf).pvalue > 0.01
    assert kstest(drawn(gamma, 1.2), gamma_law(1.0).cdf).pvalue < 0.01  # the test can fail


def test_poisson_gaps_are_exponential_of_mean_1_over_rate():
    assert kstest(gaps(poisson(rate=5)), expon(scale=1 / 5).cdf).pvalue > 0.01


@pytest.mark.parametrize("cv", [0.5, 1.0, 2.0])
def test_gamma_has_its_mean_and_cv(cv):
    between = gaps(bursty(cv, rate=4))
    standard_error = cv / math.sqrt(MANY)
    assert fmean(between) * 4 == pytest.approx(1, abs=4 * standard_error)
    assert pstdev(between) / fmean(between) == pytest.approx(cv, rel=0.1)
    law = gamma_law(1 / cv**2, scale=cv**2 / 4)
    assert kstest(between, law.cdf).pvalue > 0.01


@pytest.mark.parametrize("start, end", [(1.0, 9.0), (9.0, 1.0), (4.0, 4.0)])
def test_the_rate_of_a_ramp_is_the_straight_line(start, end):
    ramp_s = 2 * MANY / (start + end)
    times, tenths = stamps(ramp(start, end)), 10
    for tenth in range(tenths):
        low, high = ramp_s * tenth / tenths, ramp_s * (tenth + 1) / tenths
        expected = (start + (end - start) * (tenth + 0.5) / tenths) * (high - low)
        came = sum(low <= each < high for each in times)
        assert abs(came - expected) < 5 * math.sqrt(expected)


def test_beyond_the_ramp_the_rate_stays():
    process = ramp(1.0, 9.0, requests=100)
    assert process.seconds(100) == 20
    assert process.seconds(109) == 21


@pytest.mark.parametrize("process", [poisson, lambda **k: bursty(3.0, **k)])
def test_a_rescaled_timeline_lasts_exactly_n_over_rate(process):
    free, fixed = stamps(process(requests=50)), stamps(process(requests=50, rescale=True))
    assert free[-1] != 25 and fixed[-1] == 25
    factors = {round(b / a, 9) for a, b in zip(free, fixed, strict=True)}
    assert len(factors) == 1


def test_a_rescaled_ramp_lasts_exactly_as_long_as_the_ramp():
    assert stamps(ramp(1.0, 9.0, requests=100, rescale=True))[-1] == 20


processes = st.one_of(
    st.builds(poisson, st.floats(1e-3, 1e3), st.integers(1, 30), st.booleans()),
    st.builds(bursty, st.floats(0.1, 10), st.floats(1e-3, 1e3), st.integers(1, 30), st.booleans()),
    st.builds(ramp, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.integers(1, 30), st.booleans()),
)


@given(processes, st.integers(0, 99))
@example(bursty(7.5, 1.0, 28, True), 31)  # the last but one was rounded to after the last
def test_stamps_are_ordered_finite_and_repeatable(process, seed):
    times = stamps(process, seed)
    assert len(times) == process.requests and times == sorted(times) == stamps(process, seed)
    assert times[0] >= 0 and all(map(math.isfinite, times))
    if process.rescale and times[-1] > 0:
        assert times[-1] == process.seconds(process.requests)
    assert {slot.iteration for slot in process.slots(Random(seed))} == {0}


def test_open_arrivals_promise_nothing_about_who_meets_whom():
    assert list(poisson(requests=9).groups()) == [9] and poisson().max_in_flight is None
    with pytest.raises(UsageError, match="9 requests at a time"):
        Distinct(name="distinct").check(poisson(requests=9).groups(), 8)
