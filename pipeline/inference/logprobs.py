"""How likely tokens were, as the model said: before penalties, temperature and cuts."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.token_sampler import SequenceLike

Logprobs = Mapping[int, float]
"""Natural logarithms of probabilities by token id: the chosen token's first, then those of the
likeliest, of equally likely ones the lowest id first."""


def token_logprobs(logits: NDArray[np.float32], token: int, top: int) -> Logprobs:
    """Of a token, and of the likeliest ones.

    Args:
        logits: (vocabulary,), or their log-probabilities, which gives the same.
        token: the one that was chosen.
        top: how many others at most; the chosen one may be among them.
    """
    below = logits.astype(np.float64) - logits.max()
    logprobs = below - np.log(np.exp(below).sum())
    ids = [token, *_likeliest(logprobs, top)]
    return {int(id_): float(logprobs[id_]) for id_ in ids}


def chosen_logprobs(
    logits: NDArray[np.float32], sequences: Sequence[SequenceLike], ids: Sequence[int | None]
) -> list[Logprobs | None]:
    """Of the tokens of a step, a row each; None where nobody asked, or there is no token.

    Args:
        logits: (rows, vocabulary), as the model computed them.
        sequences: whose each row is.
        ids: the tokens that the rows were given.
    """
    found: list[Logprobs | None] = []
    for row, sequence, id_ in zip(logits, sequences, ids, strict=True):
        top = sequence.request.sampling.logprobs
        told = None if top is None or id_ is None else token_logprobs(row, id_, top)
        found.append(told)
    return found


def given_logprobs(logits: NDArray[np.float32], given: Sequence[int], top: int) -> list[Logprobs]:
    """Of tokens that nobody chose, such as a prompt's.

    Args:
        logits: (rows, vocabulary), of which row i is what the model said where token i stands; rows
            beyond the tokens are left alone.
        given: token ids.
        top: how many others at most for each.
    """
    return [token_logprobs(row, id_, top) for row, id_ in zip(logits, given, strict=False)]


def _likeliest(logprobs: NDArray[np.float64], top: int) -> NDArray[np.int64]:
    if top == 0:
        return np.empty(0, np.int64)
    least = np.partition(logprobs, -top)[-top] if top < len(logprobs) else -np.inf
    candidates = np.flatnonzero(logprobs >= least)
    return candidates[np.argsort(-logprobs[candidates], kind="stable")][:top]
