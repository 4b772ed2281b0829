"""How near a candidate's answers are to a reference's: pure functions of tokens and log-probs.

Free-running, both generate for themselves: one differing token changes all that follow, so equal
tokens and the common prefix say how long they stay together. Teacher-forced, both are asked for
the distribution of every next token after the *same* tokens, so each position counts for itself.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
"""Log-probabilities, (positions, vocabulary), natural logarithms."""

NOT_FINITE = "a log-probability is infinite or not a number"

PerPosition = NDArray[np.float64]


def argmax_agreement(reference: Scores, candidate: Scores) -> PerPosition:
    """1 where both find the same token the most probable, else 0; (positions,)."""
    equal: PerPosition = (reference.argmax(axis=1) == candidate.argmax(axis=1)).astype(np.float64)
    return equal


def kl_divergence(reference: Scores, candidate: Scores) -> PerPosition:
    """KL(reference‖candidate) = Σ p · (ln p − ln q) at each position, nats (Kullback 1951).

    Both are normalised again in float64, so that rounding can't make a divergence negative
    beyond 1e-15; what is left of it is cut at 0. (positions,).
    """
    p, q = _normalised(reference), _normalised(candidate)
    divergence: PerPosition = (np.exp(p) * (p - q)).sum(axis=1)
    return np.maximum(divergence, 0.0)


def logprob_difference(
    reference: Scores, candidate: Scores, token_ids: Sequence[int]
) -> PerPosition:
    """Candidate − reference, of the reference's own tokens, nats: negative where it doubts them."""
    rows, ids = np.arange(len(token_ids)), np.asarray(token_ids)
    difference: PerPosition = _normalised(candidate)[rows, ids] - _normalised(reference)[rows, ids]
    return difference


def common_prefix(reference: Sequence[int], candidate: Sequence[int]) -> int:
    """How many tokens are equal before the first that isn't."""
    pairs = enumerate(zip(reference, candidate, strict=False))
    shorter = min(len(reference), len(candidate))
    return next((index for index, (one, other) in pairs if one != other), shorter)


def token_agreement(reference: Sequence[int], candidate: Sequence[int]) -> float:
    """Share of positions with equal tokens; what one lacks of the other's length isn't equal."""
    longer = max(len(reference), len(candidate))
    equal = sum(one == other for one, other in zip(reference, candidate, strict=False))
    return equal / longer if longer else 1.0


@dataclass(frozen=True)
class Forced:
    """One request's positions, teacher-forced; each array is (positions,)."""

    agreement: PerPosition
    kl: PerPosition
    logprob: PerPosition


def forced(reference: Scores, candidate: Scores, token_ids: Sequence[int]) -> Forced:
    """Compare two engines' distributions along one continuation.

    Raises:
        ValueError: the shapes differ, or a log-probability is infinite or NaN.
    """
    if reference.shape != candidate.shape or len(reference) != len(token_ids):
        raise ValueError(
            f"scores of shape {candidate.shape} where {reference.shape} were expected for "
            f"{len(token_ids)} tokens"
        )
    if not (np.isfinite(reference).all() and np.isfinite(candidate).all()):
        raise ValueError(NOT_FINITE)
    return Forced(
        argmax_agreement(reference, candidate),
        kl_divergence(reference, candidate),
        logprob_difference(reference, candidate, token_ids),
    )


@dataclass(frozen=True)
class Free:
    """One request's output, free-running.

    Attributes:
        agreement: share of equal tokens.
        prefix: equal tokens before the first that isn't.
    """

    agreement: float
    prefix: int


def free(reference: Sequence[int], candidate: Sequence[int]) -> Free:
    """Compare what two engines generated for themselves."""
    return Free(token_agreement(reference, candidate), common_prefix(reference, candidate))


def pooled(forced: Collection[Forced], free: Collection[Free]) -> dict[str, float]:
    """Means over all positions of the teacher-forced, and over the free-running requests.

    `token_agreement`, `mean_kl`, `worst_kl` (the largest of any position), `logprob_delta`, and
    `free_running_agreement`, `common_prefix_tokens`; of nothing there is no figure.
    """
    found: dict[str, float] = {}
    if forced:
        kl = np.concatenate([each.kl for each in forced])
        found |= {
            "token_agreement": float(np.concatenate([each.agreement for each in forced]).mean()),
            "mean_kl": float(kl.mean()),
            "worst_kl": float(kl.max()),
            "logprob_delta": float(np.concatenate([each.logprob for each in forced]).mean()),
        }
    if free:
        found |= {
            "free_running_agreement": fmean(each.agreement for each in free),
            "common_prefix_tokens": fmean(each.prefix for each in free),
        }
    return found


def effect(with_adapter: Scores, bare: Scores) -> float:
    """Largest change of a log-probability that an adapter brings about, nats.

    Raises:
        ValueError: a log-probability is infinite or NaN.
    """
    change = float(np.abs(with_adapter - bare).max())
    if not np.isfinite(change):
        raise ValueError(NOT_FINITE)
    return change


def _normalised(scores: Scores) -> PerPosition:
    wide = scores.astype(np.float64)
    highest = wide.max(axis=1, keepdims=True)
    total: PerPosition = highest + np.log(np.exp(wide - highest).sum(axis=1, keepdims=True))
    return wide - total
