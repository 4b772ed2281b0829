"""Scores are the model's own log-probabilities, under the adapter that was named."""

import numpy as np
import pytest
import torch

from pipeline.stages.build import build

ENGINES = ("merged", "peft_hotswap", "peft_mixed")
SETUP = ("threads=1", "adapters.count=2", "workload.iterations=1")
PROMPT, CONTINUATION = (5, 300, 77, 1200), (9, 41, 800)


@pytest.fixture
def engine(request, config, prepared):
    overrides = (*SETUP, f"engine={request.param}", "engine.resident_adapters=1")
    with build(config(*overrides), prepared(*overrides)) as built:
        yield built.engine


@pytest.fixture(scope="module")
def expected():
    """Position by position, each in a forward pass of its own."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained("pipeline/assets/tiny/base", dtype=torch.float32)
    rows = []
    with torch.inference_mode():
        for place in range(len(CONTINUATION)):
            ids = torch.tensor([[*PROMPT, *CONTINUATION[:place]]])
            rows.append(model(input_ids=ids).logits[0, -1].log_softmax(-1).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_scores_of_the_base_and_of_adapters_in_turn(engine, expected):
    """One adapter is resident at a time, so each score has to bring its own."""
    bare = engine.score(None, PROMPT, CONTINUATION)
    assert bare.dtype == np.float32
    assert bare == pytest.approx(expected, abs=1e-4)
    first = engine.score("csv", PROMPT, CONTINUATION)
    second = engine.score("html", PROMPT, CONTINUATION)
    assert np.abs(first - second).max() > 0.1
    assert np.abs(first - bare).max() > 0.1
    assert engine.score("csv", PROMPT, CONTINUATION) == pytest.approx(first, abs=1e-5)
    assert engine.score(None, PROMPT, CONTINUATION) == pytest.approx(bare, abs=1e-5)
