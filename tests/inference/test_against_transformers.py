"""Penalties and cuts mean what they mean in transformers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation import logits_process

from pipeline.inference.penalties import penalised
from pipeline.inference.sampling_params import SamplingParams
from pipeline.inference.token_sampler import TokenSampler
from tests.inference.sequences import Sequence

VOCABULARY = 40
IDS = st.lists(st.integers(0, VOCABULARY - 1), max_size=12)


def logits_of(seed):
    return (np.random.default_rng(seed).standard_normal(VOCABULARY) * 2).astype(np.float32)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), IDS, IDS, st.floats(0.5, 2))
def test_repetition_is_penalised_in_prompt_and_output(seed, prompt, output, penalty):
    logits = logits_of(seed)
    ours = penalised(logits, SamplingParams(repetition_penalty=penalty), prompt, output)
    processor = logits_process.RepetitionPenaltyLogitsProcessor(penalty)
    ids = torch.tensor([[*prompt, *output]], dtype=torch.long)
    theirs = processor(ids, torch.from_numpy(logits)[None])[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), IDS, IDS, st.floats(-2, 2), st.floats(-2, 2))
def test_presence_and_frequency_follow_openais_formula(seed, prompt, output, presence, frequency):
    logits = logits_of(seed)
    sampling = SamplingParams(presence_penalty=presence, frequency_penalty=frequency)
    counts = np.bincount(output, minlength=VOCABULARY)
    expected = logits - counts * frequency - (counts > 0) * presence
    found = penalised(logits, sampling, prompt, output)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


CUTS = {
    "temperature": logits_process.TemperatureLogitsWarper,
    "top_k": logits_process.TopKLogitsWarper,
    "top_p": logits_process.TopPLogitsWarper,
    "min_p": logits_process.MinPLogitsWarper,
}
"""In the order in which `generate` applies them."""


@pytest.mark.parametrize(
    "asked",
    [
        {"temperature": 0.7},
        {"temperature": 2.0, "top_k": 5},
        {"temperature": 1.5, "top_p": 0.6},
        {"temperature": 1.5, "min_p": 0.2},
        {"temperature": 2.0, "top_k": 12, "top_p": 0.8, "min_p": 0.15},
        {"temperature": 2.0, "top_k": 12, "top_p": 0.8, "repetition_penalty": 1.4},
    ],
    ids=lambda asked: "-".join(asked),
)
def test_draws_come_from_the_distribution_that_transformers_makes(asked):
    logits, draws, prompt = logits_of(5), 4000, [1, 2, 3]
    scores, ids = torch.from_numpy(logits)[None], torch.tensor([prompt])
    if "repetition_penalty" in asked:
        processor = logits_process.RepetitionPenaltyLogitsProcessor(asked["repetition_penalty"])
        scores = processor(ids, scores)
    for name, warper in CUTS.items():
        if name in asked:
            scores = warper(asked[name])(ids, scores)
    expected = scores.softmax(-1)[0].numpy()
    rows = [Sequence.of(i, SamplingParams(**asked), prompt) for i in range(draws)]
    chosen = TokenSampler().sample(np.repeat(logits[None], draws, 0), rows)
    share = np.bincount(chosen, minlength=VOCABULARY) / draws
    assert not share[expected == 0].any()
    np.testing.assert_allclose(share, expected, atol=0.03)
