"""The simulated replica and the engine's own scheduler, under one clock, stamp for stamp."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics.step_law import StepLaw
from pipeline.simulate.demand import Demand
from pipeline.simulate.fleet import ReplicaModel, serve
from pipeline.simulate.replica_settings import ReplicaSettings
from pipeline.simulate.routing.least_loaded import LeastLoaded
from pipeline.simulate.routing.routing import Fleet
from pipeline.simulate.steps.source import EngineTimes
from tests.simulate.clocked_engine import ClockedEngine

LAW = StepLaw(step_s=1.0, decode_s=0.25, prefill_s=0.125, adapter_s=0.5, rank_s=0.0625)
TIMES = EngineTimes(LAW, 2.125, "")


@st.composite
def cases(draw):
    """Requests at times of their own, so that nothing hangs on who is first of two at once."""
    adapters = draw(st.integers(1, 5))
    ranks = draw(st.lists(st.sampled_from([8, 16, 32]), min_size=adapters, max_size=adapters))
    whole = st.integers(1, 12)
    rows = st.tuples(st.integers(0, 60), st.integers(0, adapters - 1), whole, whole)
    asked = draw(st.lists(rows, min_size=1, max_size=25))
    gaps, who, prompts, outputs = (np.array(each) for each in zip(*asked, strict=True))
    arrives = np.cumsum(gaps) / 7 + np.arange(len(gaps)) * 1e-3 + 1e-4
    limits = ReplicaSettings(
        max_batch_size=draw(st.integers(1, 4)),
        prefill_tokens=draw(st.integers(4, 40)),
        adapter_ranks=draw(st.sampled_from([None, 32, 48, 64])),
    )
    return ranks, limits, Demand(arrives, who, prompts, outputs)


@given(cases())
@settings(max_examples=150, deadline=None)
def test_stamp_for_stamp(case):
    ranks, limits, demand = case
    first, finished = ClockedEngine(TIMES, ranks, limits, demand).run()
    model = ReplicaModel(limits, TIMES, np.array(ranks))
    router = LeastLoaded(name="x").router(Fleet(1, model.ranks), np.random.default_rng(0))
    answered = serve(demand, 1, model, router)
    assert answered.stamps.first == pytest.approx(first)
    assert answered.stamps.finished == pytest.approx(finished)
