"""A fleet in which one request is served at a time is a queue that theory knows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, t

from pipeline.metrics.step_law import StepLaw
from pipeline.simulate.fleet import serve
from pipeline.simulate.routing.least_loaded import LeastLoaded
from pipeline.simulate.routing.random import RandomRouting
from pipeline.simulate.routing.routing import Fleet
from tests.simulate.made import replicas_that, requests_at

REQUESTS = 40_000
BATCHES = 20
"""Stretches that long forget each other; of their means an interval can be told."""

CONFIDENCE = 0.999


def router(routing, replicas, model):
    return routing.router(Fleet(replicas, model.ranks), np.random.default_rng(5))


def stays(answered):
    """From when a request comes to its last token."""
    demand = answered.demand
    return answered.stamps.finished - demand.arrives


def interval(values, of=np.mean):
    """Of what the stretches have on average, by batch means and Student's t."""
    each = np.array([of(batch) for batch in np.array_split(values, BATCHES)])
    half = t.ppf((1 + CONFIDENCE) / 2, BATCHES - 1) * each.std(ddof=1) / np.sqrt(BATCHES)
    return each.mean() - half, each.mean() + half


def holds(found, expected, widest=0.25):
    """Whether an interval holds what theory says, and is narrow enough for that to mean much."""
    low, high = found
    return low <= expected <= high and (high - low) / 2 < widest * expected


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_one_at_a_time_is_lindleys_recursion(rows):
    """Every request is begun when it comes or when the one before it is done."""
    arrives = np.cumsum([gap for gap, _ in rows]) / 8
    tokens = np.array([each for _, each in rows])
    made = replicas_that(law=StepLaw(step_s=0.25, prefill_s=0.5))
    asked = requests_at(arrives, prompts=tokens)
    answered = serve(asked, 1, made, router(LeastLoaded(name="least_loaded"), 1, made))
    free, expected = 0.0, []
    for come, service in zip(arrives, 0.25 + 0.5 * tokens, strict=True):
        free = max(free, come) + service
        expected.append(free)
    assert answered.stamps.finished == pytest.approx(expected)
    assert np.array_equal(answered.stamps.first, answered.stamps.finished)


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_m_d_1(load):
    """Pollaczek and Khinchine: the mean wait is load × service ÷ (2 × (1 - load))."""
    rng = np.random.default_rng(1)
    asked = requests_at(np.cumsum(rng.exponential(1 / load, REQUESTS)))
    made = replicas_that(StepLaw(step_s=1.0))
    found = stays(serve(asked, 1, made, router(LeastLoaded(name="least_loaded"), 1, made))) - 1
    assert holds(interval(found), load / (2 * (1 - load)))


def test_m_m_1():
    """The mean time in the system is service ÷ (1 - load), and the time itself is exponential."""
    rng = np.random.default_rng(2)
    tokens = np.ceil(rng.exponential(10_000, REQUESTS)).astype(int)
    asked = requests_at(np.cumsum(rng.exponential(2.0, REQUESTS)), prompts=tokens)
    made = replicas_that(StepLaw(step_s=1e-9, prefill_s=1e-4))
    found = stays(serve(asked, 1, made, router(LeastLoaded(name="least_loaded"), 1, made)))
    assert holds(interval(found), 2.0)
    assert holds(interval(found, lambda batch: np.mean(batch > 2 * np.log(10))), 0.1)


def test_random_routing_splits_a_poisson_process():
    """Four queues of a quarter of the rate: each is M/D/1."""
    rng, load = np.random.default_rng(3), 0.7
    asked = requests_at(np.cumsum(rng.exponential(1 / load / 4, REQUESTS)))
    made = replicas_that(StepLaw(step_s=1.0))
    answered = serve(asked, 4, made, router(RandomRouting(name="random"), 4, made))
    fewest, most = binom.interval(CONFIDENCE, REQUESTS, 1 / 4)
    counts = np.bincount(answered.replicas)
    assert fewest <= counts.min() and counts.max() <= most
    assert holds(interval(stays(answered) - 1), load / (2 * (1 - load)))


def test_the_shortest_queue_beats_a_coin():
    """Of the same requests."""
    rng = np.random.default_rng(4)
    asked = requests_at(np.cumsum(rng.exponential(0.3, 20_000)))
    made = replicas_that(StepLaw(step_s=1.0))
    by_coin = serve(asked, 4, made, router(RandomRouting(name="random"), 4, made))
    shortest = serve(asked, 4, made, router(LeastLoaded(name="least_loaded"), 4, made))
    assert stays(shortest).mean() < 0.5 * stays(by_coin).mean()


def test_a_full_batch_serves_as_many_as_there_are_places():
    """Ten places, answers of 100 tokens, a step a second: 0.1 requests a second at most."""
    made = replicas_that(StepLaw(step_s=1.0), batch=10)
    asked = requests_at(np.arange(400) * 0.01, outputs=100)
    answered = serve(asked, 1, made, router(LeastLoaded(name="least_loaded"), 1, made))
    assert 400 / answered.stamps.finished.max() == pytest.approx(0.1, rel=0.03)
