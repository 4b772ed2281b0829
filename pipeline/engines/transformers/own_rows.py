"""Keeps each row of `generate` to the tokens of its own vocabulary."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LogitsProcessor


class OwnRows(LogitsProcessor):  # type: ignore[misc]
    """Makes impossible what a row's adapter has no token for, in a model resized for another."""

    def __init__(self, sizes: Sequence[int]) -> None:
        """For one batch.

        Args:
            sizes: number of token ids of each row's vocabulary.
        """
        self._sizes = torch.tensor(sizes)[:, None]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Logits (rows, ids) of the next token."""
        return scores.masked_fill(torch.arange(scores.shape[1]) >= self._sizes, -torch.inf)
