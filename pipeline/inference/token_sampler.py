"""The next token of every row of logits: the greatest, or one drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.request import SamplingParams
from pipeline.inference.teacher import Teacher

WORD = 2**64


class TokenSampler:
    """Greedy decoding, or temperature and nucleus sampling (Holtzman et al. 2020).

    A draw depends on the seed, the request and the token's place in its output alone: never on
    the batch, nor on what was drawn before, so a trace gives the same tokens however it is served.

    Attributes:
        teacher: while there is one, it has the last word.
    """

    def __init__(self, sampling: SamplingParams) -> None:
        self._sampling = sampling
        self.teacher: Teacher | None = None

    def sample(
        self, logits: NDArray[np.float32], requests: Sequence[int], places: Sequence[int]
    ) -> list[int | None]:
        """One token id a row; None where the model computed NaN or infinity, so that it has none.

        Args:
            logits: (rows, vocabulary).
            requests: id of each row's request.
            places: how many tokens each row's request has already been given.
        """
        chosen = self._choose(logits, requests, places)
        if self.teacher is None:
            return chosen
        return self.teacher.correct(chosen, logits, requests, places)

    def _choose(
        self, logits: NDArray[np.float32], requests: Sequence[int], places: Sequence[int]
    ) -> list[int | None]:
        greedy = logits.argmax(axis=1)
        tops = np.take_along_axis(logits, greedy[:, None], axis=1)
        finite = np.isfinite(tops)
        if not finite.all():
            logits, tops = np.where(finite, logits, 0), np.where(finite, tops, 0)
        ids = greedy if self._sampling.is_greedy else self._drawn(logits - tops, requests, places)
        return [int(id_) if sound else None for id_, sound in zip(ids, finite[:, 0], strict=True)]

    def _drawn(
        self, below: NDArray[np.float32], requests: Sequence[int], places: Sequence[int]
    ) -> NDArray[np.int64]:
        """Args: below: logits less the greatest of their row."""
        weights = np.exp(below.astype(np.float64) / self._sampling.temperature)
        uniform = [
            self._uniform(request, place) for request, place in zip(requests, places, strict=True)
        ]
        return _draw(weights, np.array(uniform), self._sampling.top_p)

    def _uniform(self, request: int, place: int) -> float:
        key = np.array([self._sampling.seed % WORD, request % WORD], dtype=np.uint64)
        counter = np.array([place, 0, 0, 0], dtype=np.uint64)
        return float(np.random.Generator(np.random.Philox(key=key, counter=counter)).random())


def _draw(
    weights: NDArray[np.float64], uniform: NDArray[np.float64], top_p: float
) -> NDArray[np.int64]:
    """By inversion of each row's distribution; `weights` needn't add up to 1."""
    order: NDArray[Any] | None = None
    if top_p < 1:
        order = np.argsort(-weights, axis=1, kind="stable")
        weights = np.take_along_axis(weights, order, axis=1)
        before = np.cumsum(weights, axis=1) - weights
        weights = np.where(before < top_p * weights.sum(axis=1, keepdims=True), weights, 0.0)
    reached = np.cumsum(weights, axis=1)
    ranks: NDArray[np.int64] = (reached <= uniform[:, None] * reached[:, -1:]).sum(axis=1)
    return ranks if order is None else np.take_along_axis(order, ranks[:, None], axis=1)[:, 0]
