"""How far one next-token distribution is from another: pure functions of log-probabilities."""

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
"""Log-probabilities, (positions, vocabulary), natural logarithms."""

PerPosition = NDArray[np.float64]


COMPETING = 8
"""Tokens of the reference, from its most probable on, among which a next token is decided."""

FARTHEST = log(1000)
"""Nats behind the first beyond which it is all one how far: such a token isn't chosen."""


def log_probabilities(logits: Scores) -> PerPosition:
    """Normalised in float64; log-probabilities stay what they are, but for their rounding."""
    wide = logits.astype(np.float64)
    highest = wide.max(axis=1, keepdims=True)
    total: PerPosition = highest + np.log(np.exp(wide - highest).sum(axis=1, keepdims=True))
    return wide - total


def argmax_agreement(reference: Scores, candidate: Scores) -> PerPosition:
    """1 where both find the same token the most probable, else 0; (positions,)."""
    equal: PerPosition = (reference.argmax(axis=1) == candidate.argmax(axis=1)).astype(np.float64)
    return equal


def kl_divergence(reference: Scores, candidate: Scores) -> PerPosition:
    """KL(reference‖candidate) = Σ p · (ln p − ln q) at each position, nats (Kullback 1951).

    Both are normalised again in float64, so that rounding can't make a divergence negative
    beyond 1e-15; what is left of it is cut at 0. (positions,).
    """
    p, q = log_probabilities(reference), log_probabilities(candidate)
    divergence: PerPosition = (np.exp(p) * (p - q)).sum(axis=1)
    return np.maximum(divergence, 0.0)


def logprob_difference(
    reference: Scores, candidate: Scores, token_ids: Sequence[int]
) -> PerPosition:
    """Candidate − reference, of the reference's own tokens, nats: negative where it doubts them."""
    rows, ids = np.arange(len(token_ids)), np.asarray(token_ids)
    doubted, own = log_probabilities(candidate)[rows, ids], log_probabilities(reference)[rows, ids]
    difference: PerPosition = doubted - own
    return difference


def logit_error(reference: Scores, candidate: Scores) -> PerPosition:
    """Largest change, at each position, of the distance between two competing tokens, nats.

    Competing are the reference's `COMPETING` most probable tokens, and the candidate's first; each
    counts for no further behind the first than `FARTHEST`. A model that is sure of its token has
    all others far behind, where rounding, which grows with the distance, moves them by nats and
    changes nothing that is written; one of them that comes near counts from there on. The
    reference's first token can lose to another only where it leads by no more than this, or by
    more than `FARTHEST`. (positions,).
    """
    count = min(COMPETING, reference.shape[1])
    leading = np.argpartition(-reference, count - 1, axis=1)[:, :count]
    rivals = np.concatenate([leading, candidate.argmax(axis=1)[:, None]], axis=1)
    change = _behind(candidate, rivals) - _behind(reference, rivals)
    spread: PerPosition = change.max(axis=1) - change.min(axis=1)
    return spread


def _behind(scores: Scores, tokens: NDArray[np.intp]) -> PerPosition:
    """How far tokens are behind the first, at most `FARTHEST`, negated; (positions, tokens)."""
    wide = np.take_along_axis(scores, tokens, axis=1).astype(np.float64)
    lead: PerPosition = wide - scores.max(axis=1, keepdims=True)
    return np.maximum(lead, -FARTHEST)
