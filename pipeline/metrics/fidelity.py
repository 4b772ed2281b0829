"""How near a candidate's answers are to a reference's: pure functions of tokens and log-probs.

Free-running, both generate for themselves: one differing token changes all that follow, so equal
tokens and the common prefix say how long they stay together. Teacher-forced, both are asked for
the distribution of every next token after the *same* tokens, so each position counts for itself.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from pipeline.metrics.distributions import (
    PerPosition,
    Scores,
    argmax_agreement,
    kl_divergence,
    log_probabilities,
    logit_error,
    logprob_difference,
)

NOT_FINITE = "a log-probability is infinite or not a number"


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
    error: PerPosition


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
        logit_error(reference, candidate),
    )


def joined(parts: Sequence[Forced]) -> Forced:
    """Positions that were compared apart, as one; at least one part."""
    return Forced(
        np.concatenate([each.agreement for each in parts]),
        np.concatenate([each.kl for each in parts]),
        np.concatenate([each.logprob for each in parts]),
        np.concatenate([each.error for each in parts]),
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

    `token_agreement`, `mean_kl`, `logprob_delta`, `worst_kl` and `logit_error` (the largest of any
    position), `free_running_agreement`, `common_prefix_tokens`; of nothing there is no figure.
    """
    found: dict[str, float] = {}
    if forced:
        every = joined(list(forced))
        found |= {
            "token_agreement": float(every.agreement.mean()),
            "mean_kl": float(every.kl.mean()),
            "worst_kl": float(every.kl.max()),
            "logprob_delta": float(every.logprob.mean()),
            "logit_error": float(every.error.max()),
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
    change = float(np.abs(log_probabilities(with_adapter) - log_probabilities(bare)).max())
    if not np.isfinite(change):
        raise ValueError(NOT_FINITE)
    return change
