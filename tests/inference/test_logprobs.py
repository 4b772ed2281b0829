"""Log-probabilities of chosen tokens and of the likeliest others."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inference.logprobs import given_logprobs, token_logprobs

VOCABULARY = 30


def logits_of(seed, rows):
    return (np.random.default_rng(seed).standard_normal((rows, VOCABULARY)) * 9).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.integers(0, VOCABULARY - 1), st.integers(0, VOCABULARY + 5))
def test_they_are_pytorchs_log_softmax_and_topk(seed, token, top):
    (logits,) = logits_of(seed, 1)
    expected = torch.from_numpy(logits).log_softmax(-1)
    found = token_logprobs(logits, token, top)
    assert next(iter(found)) == token
    likeliest = expected.topk(min(top, VOCABULARY)).indices.tolist()
    assert {*found} == {token, *likeliest}
    assert [id_ for id_ in found if id_ != token] == [id_ for id_ in likeliest if id_ != token]
    for id_, logprob in found.items():
        np.testing.assert_allclose(logprob, expected[id_], rtol=1e-4, atol=1e-5)
    again = token_logprobs(expected.numpy(), token, top)
    np.testing.assert_allclose([*again.values()], [*found.values()], rtol=1e-4, atol=1e-5)


def test_of_equally_likely_tokens_the_lowest_ids_are_told():
    assert [*token_logprobs(np.zeros(9, np.float32), 7, 3)] == [7, 0, 1, 2]


def test_a_ruled_out_token_has_no_probability_and_hides_nothing():
    logits = np.array([0, -np.inf, 0], np.float32)
    assert token_logprobs(logits, 1, 3) == {1: -np.inf, 0: -np.log(2), 2: -np.log(2)}


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.lists(st.integers(0, VOCABULARY - 1), max_size=5), st.booleans())
def test_each_given_token_is_told_by_its_row(seed, given_ids, more):
    logits = logits_of(seed, len(given_ids) + more)
    expected = [token_logprobs(logits[row], id_, 2) for row, id_ in enumerate(given_ids)]
    assert given_logprobs(logits, given_ids, 2) == expected
