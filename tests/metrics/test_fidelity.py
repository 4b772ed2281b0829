"""The laws of the fidelity metrics, and cases worked out by hand."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.metrics.distributions import FARTHEST, logit_error
from pipeline.metrics.fidelity import (
    argmax_agreement,
    common_prefix,
    effect,
    forced,
    kl_divergence,
    logprob_difference,
    pooled,
    token_agreement,
)

VOCABULARY = 7
tokens = st.lists(st.integers(0, 4), max_size=12)


def normalised(logits):
    wide = logits.astype(np.float64)
    return (wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))).astype(np.float32)


def scores(positions=5):
    logit = st.floats(-20, 20, width=32)
    return arrays(np.float32, (positions, VOCABULARY), elements=logit).map(normalised)


def test_kl_by_hand():
    p = np.log(np.array([[0.5, 0.5]], dtype=np.float32))
    q = np.log(np.array([[0.25, 0.75]], dtype=np.float32))
    assert kl_divergence(p, q) == pytest.approx([0.5 * log(2) + 0.5 * log(2 / 3)], rel=1e-6)
    assert kl_divergence(q, p) == pytest.approx([0.25 * log(0.5) + 0.75 * log(1.5)], rel=1e-6)


def test_kl_is_of_the_candidate_from_the_reference():
    sure = normalised(np.array([[9.0, 0.0, 0.0]], dtype=np.float32))
    unsure = normalised(np.zeros((1, 3), dtype=np.float32))
    assert kl_divergence(sure, unsure)[0] == pytest.approx(log(3), rel=0.01)
    assert kl_divergence(unsure, sure)[0] > 2 * log(3)


@settings(deadline=None)
@given(scores(), scores())
def test_kl_is_never_negative(reference, candidate):
    assert (kl_divergence(reference, candidate) >= 0).all()


@settings(deadline=None)
@given(scores())
def test_kl_is_zero_where_equal(reference):
    assert (kl_divergence(reference, reference) == 0).all()


@settings(deadline=None)
@given(scores(1), st.integers(0, VOCABULARY - 1), st.floats(0.5, 3))
def test_kl_is_positive_where_different(reference, token, change):
    token = int(reference.argmax()) if reference[0, token] < -5 else token
    logits = reference.copy()
    logits[0, token] -= change
    certain = exp(float(reference.max())) > 0.99
    assert certain or kl_divergence(reference, normalised(logits))[0] > 0


@settings(deadline=None)
@given(scores(), scores(), st.permutations(range(5)))
def test_the_order_of_positions_and_requests_changes_nothing(reference, candidate, order):
    ids = np.arange(5)
    order = np.array(order)
    one = pooled([forced(reference, candidate, ids)], [])
    shuffled = pooled([forced(reference[order], candidate[order], ids[order])], [])
    apart = [forced(reference[i : i + 1], candidate[i : i + 1], [ids[i]]) for i in order]
    for other in (shuffled, pooled(apart, [])):
        assert other == pytest.approx(one, rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(scores(), scores(), st.integers(-10, 10))
def test_a_constant_added_to_all_scores_changes_nothing(reference, candidate, constant):
    moved = candidate + np.float32(constant)
    expected = kl_divergence(reference, candidate)
    assert kl_divergence(reference, moved) == pytest.approx(expected, rel=1e-3, abs=1e-3)


@settings(deadline=None)
@given(scores(), scores())
def test_agreement_and_delta_have_their_bounds(reference, candidate):
    found = pooled([forced(reference, candidate, [0, 1, 2, 3, 4])], [])
    assert 0 <= found["token_agreement"] <= 1
    assert 0 <= found["mean_kl"] <= found["worst_kl"] * (1 + 1e-12)
    same = pooled([forced(reference, reference, [0, 1, 2, 3, 4])], [])
    zeros = dict.fromkeys(("mean_kl", "worst_kl", "logprob_delta", "logit_error"), 0)
    assert same == {"token_agreement": 1, **zeros}


def test_argmax_agreement_and_log_probabilities_by_hand():
    p = np.log(np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]], dtype=np.float32))
    q = np.log(np.array([[0.3, 0.6, 0.1], [0.1, 0.8, 0.1]], dtype=np.float32))
    assert argmax_agreement(p, q).tolist() == [0, 1]
    assert logprob_difference(p, q, [0, 1]) == pytest.approx([log(0.5), log(8 / 7)], rel=1e-5)
    assert effect(q, p) == pytest.approx(log(2), rel=1e-5)


@given(tokens, tokens)
def test_free_running_bounds(reference, candidate):
    longer = max(len(reference), len(candidate))
    share, prefix = token_agreement(reference, candidate), common_prefix(reference, candidate)
    assert 0 <= share <= 1
    assert share == token_agreement(candidate, reference)
    assert (share == 1) is (reference == candidate)
    assert prefix <= share * longer + 1e-9 if longer else prefix == 0
    assert reference[:prefix] == candidate[:prefix]
    assert reference[: prefix + 1] != candidate[: prefix + 1] or prefix == longer


def test_an_output_cut_short_is_not_equal():
    assert token_agreement([1, 2, 3, 4], [1, 2]) == 0.5
    assert common_prefix([1, 2, 3, 4], [1, 2]) == 2
    assert token_agreement([], []) == 1


@pytest.mark.parametrize("broken", [np.nan, -np.inf])
def test_scores_that_are_no_numbers_are_refused(broken):
    good = normalised(np.zeros((2, 3), dtype=np.float32))
    bad = good.copy()
    bad[1, 2] = broken
    with pytest.raises(ValueError, match="infinite or not a number"):
        forced(good, bad, [0, 1])
    with pytest.raises(ValueError, match="infinite or not a number"):
        effect(good, bad)


def test_scores_of_another_shape_are_refused():
    good = normalised(np.zeros((2, 3), dtype=np.float32))
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        forced(good, normalised(np.zeros((2, 4), dtype=np.float32)), [0, 1])
    assert forced(good, good, [0, 1]).agreement.tolist() == [1, 1]


def test_a_logit_error_is_what_is_left_of_a_shift_of_all_logits() -> None:
    one = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], np.float32))
    assert logit_error(one, one + 5) == pytest.approx(0, abs=1e-5)
    moved = one + np.array([[0, 0, 0], [0, 0, 0.25]], np.float32)
    assert logit_error(one, moved) == pytest.approx([0, 0.25], abs=1e-5)


SURE = np.array([[-0.0, -10.34, -11.81, -12.99, -13.22]], np.float32)
"""Of an adapter that was trained to certainty; then the same model's, rounded otherwise."""
SURE_TOO = np.array([[-0.0, -8.41, -10.82, -12.23, -12.36]], np.float32)


def test_how_far_a_token_is_that_nobody_chooses_is_no_error() -> None:
    assert logit_error(SURE, SURE_TOO) == logit_error(SURE_TOO, SURE) == 0
    near = np.array([[-0.2, -1.7, -11, -12, -13]], np.float32)
    assert logit_error(SURE, near) == pytest.approx(FARTHEST - 1.5, abs=1e-5)
    other = SURE[:, ::-1].copy()
    assert logit_error(SURE, other) == pytest.approx(2 * FARTHEST)


@settings(deadline=None)
@given(scores(), scores())
def test_a_token_that_wins_against_the_first_shows_in_the_error(reference, candidate):
    rows, error = np.arange(len(reference)), logit_error(reference, candidate)
    lost = reference.max(axis=1) - reference[rows, candidate.argmax(axis=1)]
    assert (np.minimum(lost, FARTHEST) <= error + 1e-5).all()
    assert (error <= 2 * FARTHEST + 1e-5).all()


@settings(deadline=None)
@given(scores(), st.floats(0, 3), st.integers(0, VOCABULARY - 1))
def test_near_the_first_a_change_counts_in_full(reference, change, token):
    flat = reference / 20  # all within two nats of the first
    moved = flat.copy()
    moved[:, token] += np.float32(change)
    assert logit_error(flat, moved) == pytest.approx(np.full(5, change), abs=1e-4)
