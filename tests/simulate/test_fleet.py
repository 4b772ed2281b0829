"""What `python -m tests.simulate.fleet` is made of; the command itself needs a Ray cluster."""

import pytest

from pipeline.serve.config import composed as served
from pipeline.simulate.config import composed
from tests.simulate.fleet.__main__ import SIMULATED
from tests.simulate.fleet.figures import figures_of
from tests.simulate.fleet.paced import engine_of, slower
from tests.simulate.made import requests_at


def test_the_engine_takes_the_very_times_that_are_simulated():
    times = slower(composed([]).steps.times(), 4)
    engine = served(engine_of(times, room=640)).engine
    assert (engine.law, engine.load_s, engine.adapter_ranks) == (times.law, times.load_s, 640)
    assert times.law.step_s == pytest.approx(4 * 7.4e-3)


def test_engine_and_simulated_replica_have_the_same_limits():
    engine, replica = served(["engine=paced"]).engine, composed([]).replica
    assert engine.max_batch_size == replica.max_batch_size
    assert engine.prefill_tokens == replica.prefill_tokens


def test_every_routing_of_a_cluster_has_its_simulation():
    from pipeline.serve.cluster.ray_serve import ReplicaRouting

    assert {*SIMULATED} == {*ReplicaRouting}
    assert {*SIMULATED.values()} <= {*composed([]).routings}


def test_figures():
    found = figures_of(requests_at([0, 1], outputs=3), [0.5, 2.0], [1.0, 3.0], hit_rate=0.5)
    assert found["tokens/s"] == pytest.approx(2)
    assert found["TTFT mean, s"] == pytest.approx(0.75)
    assert found["E2E mean, s"] == pytest.approx(1.5)
    assert found["hit rate"] == 0.5
