"""How far one next-token distribution is from another: pure functions of log-probabilities."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
"""Log-probabilities, (positions, vocabulary), natural logarithms."""

PerPosition = NDArray[np.float64]


COMPETING = 8
"""Tokens of the reference, from its most probable on, among which a next token is decided."""


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

    Competing are the reference's `COMPETING` most probable tokens, and the candidate's first. The
    reference's first token can lose to another of them only where it leads by no more than this.
    (positions,).
    """
    change = candidate.astype(np.float64) - reference
    count = min(COMPETING, reference.shape[1])
    leading = np.argpartition(-reference, count - 1, axis=1)[:, :count]
    rivals = np.concatenate([leading, candidate.argmax(axis=1)[:, None]], axis=1)
    among = np.take_along_axis(change, rivals, axis=1)
    spread: PerPosition = among.max(axis=1) - among.min(axis=1)
    return spread
