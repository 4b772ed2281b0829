"""Rotary position embedding (Su et al. 2021): which frequencies turn which pair of a head."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

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
        given, width = model.rope, model.head_dim
        exponents = torch.arange(0, width, 2, dtype=torch.float32) / width
        frequencies = 1.0 / given["rope_theta"] ** exponents
        if given["rope_type"] == "linear":
            frequencies = frequencies / given["factor"]
        elif given["rope_type"] == "llama3":
            frequencies = _llama3(frequencies, given)
        return cls(frequencies)

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine at each position, fp32 (M, head_dim / 2)."""
        turns = positions.float()[:, None] * self.frequencies
        return turns.cos(), turns.sin()


def _llama3(frequencies: Tensor, given: Mapping[str, Any]) -> Tensor:
    """Llama 3.1: long waves slowed by `factor`, short ones kept, a smooth ramp between."""
    factor, low, high = (given[k] for k in ("factor", "low_freq_factor", "high_freq_factor"))
    waves_in_context = given["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    kept: Tensor = ((waves_in_context - low) / (high - low)).clamp(0.0, 1.0)
    scaled: Tensor = kept * frequencies + (1 - kept) * frequencies / factor
    return scaled
