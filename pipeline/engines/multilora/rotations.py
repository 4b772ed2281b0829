"""Cosines and sines of the angles by which positions turn queries and keys."""

import torch
from torch import Tensor

from pipeline.kernels.operands import Turn
from pipeline.models.config import ModelConfig


class Rotations:
    """A table that grows with the longest sequence so far, and is small beside its keys."""

    def __init__(self, model: ModelConfig) -> None:
        """Nothing is worked out yet.

        Args:
            model: says the frequencies, and how many positions there are.
        """
        each = [torch.from_numpy(rope.frequencies(model.head_dim)) for rope in model.ropes]
        factors = [
            torch.full((len(of),), rope.attention_factor)
            for rope, of in zip(model.ropes, each, strict=True)
        ]
        self._frequencies, self._factors = torch.cat(each), torch.cat(factors)
        self._most = model.positions
        self._tables = self._of(0)

    def up_to(self, positions: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines, fp32 (at least so many positions, angles).

        The angles of a model's rotary embeddings stand beside each other: see `turn_of`.
        """
        if positions > len(self._tables[0]):
            self._tables = self._of(max(positions, min(2 * positions, self._most)))
        return self._tables

    def _of(self, positions: int) -> tuple[Tensor, Tensor]:
        turns = torch.arange(positions, dtype=torch.float32)[:, None] * self._frequencies
        return turns.cos() * self._factors, turns.sin() * self._factors


def turn_of(layer: int, model: ModelConfig) -> Turn:
    """Which of a position's angles turn the heads of a layer."""
    first, mine = 0, model.rope_of(layer)
    for rope in model.ropes:
        pairs = rope.width(model.head_dim) // 2
        if mine is rope:
            return Turn(first, pairs)
        first += pairs
    return Turn(0, 0)
