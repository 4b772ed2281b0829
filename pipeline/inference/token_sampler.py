"""The next token of every row of logits: the greatest, or one drawn."""

import hashlib
from collections.abc import Hashable, Sequence
from math import isfinite
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.penalties import penalised
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.inference.teacher import Teacher

WORD = 2**64


class SequenceLike(Protocol):
    """What a sampler looks at of a request that is being answered."""

    @property
    def request(self) -> Request:
        """Its id and its sampling parameters count."""

    @property
    def prompt(self) -> Sequence[int]:
        """Ids of the prompt."""

    @property
    def output(self) -> Sequence[int]:
        """Ids generated so far."""


class TokenSampler:
    """Every row by its own request's parameters; rows of all kinds share a batch.

    A draw depends on the seed, the request (its `draws`, else its id) and the token's place in its
    output alone: never on the batch, nor on what was drawn before, so a trace gives the same tokens
    however it is served.

    Attributes:
        teacher: while there is one, it has the last word.
    """

    def __init__(self, end_ids: frozenset[int] = frozenset()) -> None:
        """For one model.

        Args:
            end_ids: its end tokens, which a request's `min_tokens` holds back.
        """
        self._end_ids = end_ids
        self.teacher: Teacher | None = None

    def sample(
        self, logits: NDArray[np.float32], sequences: Sequence[SequenceLike]
    ) -> list[int | None]:
        """One token id a row; None where the model computed NaN or infinity, so that it has none.

        Args:
            logits: (rows, vocabulary), which stay as they are.
            sequences: whose each row is.
        """
        chosen = self._choose(logits, sequences)
        if self.teacher is not None:
            requests = [each.request.id for each in sequences]
            places = [len(each.output) for each in sequences]
            chosen = self.teacher.correct(chosen, logits, requests, places)
        for sequence, id_ in zip(sequences, chosen, strict=True):
            if sequence.request.constraint is not None and id_ is not None:
                sequence.request.constraint.take(id_)
        return chosen

    def _choose(
        self, logits: NDArray[np.float32], sequences: Sequence[SequenceLike]
    ) -> list[int | None]:
        logits = self._adjusted(logits, sequences)
        likeliest: list[int] = logits.argmax(axis=1).tolist()
        chosen: list[int | None] = [*likeliest]
        for row, sequence in enumerate(sequences):
            sampling, top = sequence.request.sampling, logits[row, likeliest[row]]
            if not isfinite(top):
                chosen[row] = None
            elif not sampling.is_greedy:
                uniform = _uniform(sampling.seed, _draws(sequence.request), len(sequence.output))
                chosen[row] = _drawn(logits[row], top, sampling, uniform)
        return chosen

    def _adjusted(
        self, logits: NDArray[np.float32], sequences: Sequence[SequenceLike]
    ) -> NDArray[np.float32]:
        """The logits, in a copy if a row has penalties or a constraint, or is too short to end."""
        adjusted = logits
        for row, sequence in enumerate(sequences):
            sampling, constraint = sequence.request.sampling, sequence.request.constraint
            short = len(sequence.output) < sampling.min_tokens
            changes = short or sampling.has_penalties or constraint is not None
            if not changes or not np.isfinite(logits[row].max()):
                continue
            if adjusted is logits:
                adjusted = logits.copy()
            if sampling.has_penalties:
                adjusted[row] = penalised(logits[row], sampling, sequence.prompt, sequence.output)
            if short:
                ends = sampling.end_ids(self._end_ids)
                adjusted[row, [id_ for id_ in ends if id_ < logits.shape[1]]] = -np.inf
            if constraint is not None:
                constraint.restrict(adjusted[row])
        return adjusted


def _draws(request: Request) -> Hashable:
    return request.id if request.draws is None else request.draws


def _uniform(seed: int, request: Hashable, place: int) -> float:
    """From [0, 1), the same for the same three on every machine and in every process."""
    key = np.array([seed % WORD, _word(request)], dtype=np.uint64)
    counter = np.array([place, 0, 0, 0], dtype=np.uint64)
    return float(np.random.Generator(np.random.Philox(key=key, counter=counter)).random())


def _word(request: Hashable) -> int:
    """64 bits of a request's id: an integer as it is, of anything else a hash of how it prints."""
    if isinstance(request, int | np.integer):
        return int(request) % WORD
    return int.from_bytes(hashlib.blake2b(repr(request).encode(), digest_size=8).digest(), "little")


def _drawn(
    logits: NDArray[np.float32], top: np.float32, sampling: SamplingParams, uniform: float
) -> int:
    """By inversion of the distribution.

    Args:
        logits: (vocabulary,).
        top: the greatest of them.
        sampling: temperature and what cuts the distribution.
        uniform: where in the distribution, from [0, 1).
    """
    weights = np.exp((logits - top).astype(np.float64) / sampling.temperature)
    if sampling.top_p == 1 and sampling.top_k == 0 and sampling.min_p == 0:
        return _inverted(weights, uniform)
    ranking = _ranking(weights, sampling.top_k)
    weights = weights[ranking]
    if sampling.top_p < 1:
        before = np.cumsum(weights) - weights
        weights = np.where(before < sampling.top_p * weights.sum(), weights, 0.0)
    weights[weights < sampling.min_p * weights[0]] = 0.0
    return int(ranking[_inverted(weights, uniform)])


def _inverted(weights: NDArray[np.float64], uniform: float) -> int:
    """Where the sum of the weights, which needn't be 1, passes that share of it."""
    reached = np.cumsum(weights)
    return int(np.searchsorted(reached, uniform * reached[-1], side="right"))


def _ranking(weights: NDArray[np.float64], top_k: int) -> NDArray[Any]:
    """Ids by falling weight, of equal ones the lowest first; `top_k` of them unless it is 0."""
    if not 0 < top_k < len(weights):
        return np.argsort(-weights, kind="stable")
    least = np.partition(weights, -top_k)[-top_k]
    candidates = np.flatnonzero(weights >= least)
    return candidates[np.argsort(-weights[candidates], kind="stable")][:top_k]
