"""The next token of every row of logits: the greatest, or one drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.sampling import Sampling

WORD = 2**64


class TokenSampler:
    """Greedy decoding, or temperature and nucleus sampling (Holtzman et al. 2020).

    A draw depends on the seed, the request and the token's place in its output alone: never on
    the batch, nor on what was drawn before, so a trace gives the same tokens however it is served.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling

    def sample(
        self, logits: NDArray[np.float32], requests: Sequence[int], places: Sequence[int]
    ) -> list[int]:
        """One token id a row.

        Args:
            logits: (rows, vocabulary).
            requests: id of each row's request.
            places: how many tokens each row's request has already been given.

        Raises:
            FloatingPointError: a row has no greatest logit; the model computed NaN or infinity.
        """
        greedy = logits.argmax(axis=1)
        tops = np.take_along_axis(logits, greedy[:, None], axis=1)
        if not np.isfinite(tops).all():
            raise FloatingPointError("the model's logits aren't finite")
        if not self._sampling.do_sample:
            return [int(id_) for id_ in greedy]
        weights = np.exp((logits - tops).astype(np.float64) / self._sampling.temperature)
        drawn = [
            self._uniform(request, place) for request, place in zip(requests, places, strict=True)
        ]
        return _draw(weights, np.array(drawn), self._sampling.top_p)

    def _uniform(self, request: int, place: int) -> float:
        key = np.array([self._sampling.seed % WORD, request % WORD], dtype=np.uint64)
        counter = np.array([place, 0, 0, 0], dtype=np.uint64)
        return float(np.random.Generator(np.random.Philox(key=key, counter=counter)).random())


def _draw(weights: NDArray[np.float64], uniform: NDArray[np.float64], top_p: float) -> list[int]:
    """By inversion of each row's distribution; `weights` needn't add up to 1."""
    order: NDArray[Any] | None = None
    if top_p < 1:
        order = np.argsort(-weights, axis=1, kind="stable")
        weights = np.take_along_axis(weights, order, axis=1)
        before = np.cumsum(weights, axis=1) - weights
        weights = np.where(before < top_p * weights.sum(axis=1, keepdims=True), weights, 0.0)
    reached = np.cumsum(weights, axis=1)
    ranks = (reached <= uniform[:, None] * reached[:, -1:]).sum(axis=1)
    if order is not None:
        ranks = np.take_along_axis(order, ranks[:, None], axis=1)[:, 0]
    return [int(rank) for rank in ranks]
