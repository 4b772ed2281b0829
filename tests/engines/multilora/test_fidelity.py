"""Our engine's answers against those of adapters folded into the weights."""

import numpy as np
import pytest

from pipeline.stages.build import build
from pipeline.stages.replay import Replay

SETUP = ("workload/popularity=distinct", "workload.iterations=2", "workload.max_new_tokens=24")
NEAR_TIE = 1e-3


@pytest.fixture
def reference(config, prepared):
    """The trace, and what `merged` answers to it."""
    ready = prepared(*SETUP, "engine=merged")
    with build(config(*SETUP, "engine=merged"), ready) as built:
        runs = [Replay(built.engine, batch, None).run(0) for batch in ready.trace.iterations]
    return ready, {row.id: row.output_ids for _, rows in runs for row in rows}


def test_fp32_chooses_as_merged_does_for_all_adapters(reference, config):
    ready, answers = reference
    assert {each.adapter for each in ready.trace.requests} == {each.name for each in ready.adapters}
    equal = total = 0
    with build(config(*SETUP, "engine=multilora"), ready) as built:
        for request in ready.trace.requests:
            ids = np.array(answers[request.id])
            scores = built.engine.score(request.adapter, request.prompt_ids, answers[request.id])
            same = scores.argmax(1) == ids
            gaps = scores.max(1) - scores[np.arange(len(ids)), ids]
            assert (gaps[~same] < NEAR_TIE).all()
            equal, total = equal + same.sum(), total + len(ids)
    assert equal / total >= 0.995


@pytest.mark.parametrize(
    ("precision", "agreement", "divergence"),
    [("fp32", 0.995, 1e-6), ("fp16", 0.995, 1e-5), ("int8", 0.98, 1e-3)],
)
def test_adapters_keep_their_habits_in_every_precision(
    precision, agreement, divergence, reference, config
):
    """The base is fp32, so all that differs is how the adapters are stored."""
    ready, answers = reference
    overrides = (*SETUP, "engine=multilora", f"engine.adapter_precision={precision}")
    exact, stored = (*SETUP, "engine=merged"), []
    for setup in (exact, overrides):
        with build(config(*setup), ready) as built:
            ask = built.engine.score
            stored.append(
                [ask(r.adapter, r.prompt_ids, answers[r.id]) for r in ready.trace.requests]
            )
    wanted, found = (np.concatenate(each) for each in stored)
    assert (wanted.argmax(1) == found.argmax(1)).mean() >= agreement
    assert (np.exp(wanted) * (wanted - found)).sum(1).mean() <= divergence
