"""What `python -m tests.simulate.fleet` is made of; the command itself needs a Ray cluster."""

import numpy as np
import pytest

from pipeline.serve.config import composed as served
from pipeline.simulate.config import composed
from pipeline.simulate.routed_fleet import RoutedFleet
from pipeline.simulate.routing.least_loaded import LeastLoaded
from tests.simulate.fleet.__main__ import SIMULATED
from tests.simulate.fleet.asked import Asked, kept
from tests.simulate.fleet.figures import figures_of, means
from tests.simulate.fleet.paced import engine_of, slower
from tests.simulate.fleet.picture import draw
from tests.simulate.fleet.simulated import simulated
from tests.simulate.made import replicas_that, requests_at


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
    asked = requests_at([0, 1], outputs=3)
    found = figures_of(asked, [0.5, 2.0], [1.0, 3.0], hit_rate=0.5, busiest=1.5)
    assert found["tokens/s"] == pytest.approx(2)
    assert found["TTFT mean, s"] == pytest.approx(0.75)
    assert found["E2E mean, s"] == pytest.approx(1.5)
    assert (found["adapter in memory"], found["busiest ÷ mean"]) == (0.5, 1.5)
    assert means([found, {name: 3 * value for name, value in found.items()}]) == pytest.approx(
        {name: 2 * value for name, value in found.items()}
    )


def test_what_the_simulation_itself_did_is_simulated_again():
    """A single replica leaves nothing to chance."""
    model = replicas_that(batch=4, load_s=0.5, room=16, ranks=(8,) * 4)
    fleet = RoutedFleet(1, model, LeastLoaded(name="least_loaded"), seed=0)
    demand = requests_at(np.arange(20) / 3, adapters=np.arange(20) % 4, outputs=2)
    answered = fleet.serve(demand)
    columns = (demand.arrives, *demand.columns, answered.stamps.first, answered.stamps.finished)
    names = ("arrives", "adapter", "prompt", "output", "first", "finished")
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    asked = Asked(rows, [8] * 4, float(1 - answered.stamps.missed.mean()), [20])
    for each in simulated(asked, fleet):
        assert each == pytest.approx(asked.figures)


def test_what_was_asked_is_kept_and_not_asked_again(tmp_path):
    asked, path = Asked([{"arrives": 0.0}], [8], 0.5, [1.0]), tmp_path / "a run.json"
    assert kept(path, {"rate": 1}, lambda: asked) == asked
    assert kept(path, {"rate": 1}, pytest.fail) == asked
    with pytest.raises(RuntimeError, match="name another --out"):
        kept(path, {"rate": 2}, pytest.fail)


def test_the_picture(tmp_path):
    errors = {"1": {"TTFT": -0.05, "E2E": 0.0}, "2 × load": {"TTFT": 0.3, "E2E": 0.01}}
    draw(errors, 0.1, tmp_path / "errors.png")
    assert (tmp_path / "errors.png").read_bytes()[1:4] == b"PNG"
