"""Cosines and sines of the angles by which positions turn queries and keys."""

import torch
from torch import Tensor

from pipeline.models.config import ModelConfig


class Rotations:
    """A table that grows with the longest sequence so far, and is small beside its keys."""

    def __init__(self, model: ModelConfig) -> None:
        """Nothing is worked out yet.

        Args:
            model: says the frequencies, and how many positions there are.
        """
        self._frequencies = torch.from_numpy(model.rope.frequencies(model.head_dim))
        self._most = model.positions
        self._tables = self._of(0)

    def up_to(self, positions: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines, fp32 (at least so many positions, head width / 2)."""
        if positions > len(self._tables[0]):
            self._tables = self._of(max(positions, min(2 * positions, self._most)))
        return self._tables

    def _of(self, positions: int) -> tuple[Tensor, Tensor]:
        turns = torch.arange(positions, dtype=torch.float32)[:, None] * self._frequencies
        return turns.cos(), turns.sin()
