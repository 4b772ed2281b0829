"""Rotary position embedding (Su et al. 2021): which frequencies turn which pair of a head."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pipeline.models.config import ModelConfig


@dataclass(frozen=True, eq=False)
class Rope:
    """Frequencies of the pairs (i, i + head_dim / 2).

    Attributes:
        frequencies: radians a position, fp32 (head_dim / 2,).
    """

    frequencies: Tensor

    @classmethod
    def of(cls, model: ModelConfig) -> Self:
        """Those of a model that `check_model` lets pass."""
        return cls(torch.from_numpy(model.rope.frequencies(model.head_dim)))

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine at each position, fp32 (M, head_dim / 2)."""
        turns = positions.float()[:, None] * self.frequencies
        return turns.cos(), turns.sin()
