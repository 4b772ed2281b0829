"""Rotary position embedding (Su et al. 2021): which frequencies turn which pair of a head."""

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from pipeline.errors import UsageError


@dataclass(frozen=True, eq=False)
class Rope:
    """Frequencies of the pairs (i, i + head_dim / 2).

    Attributes:
        frequencies: radians a position, fp32 (head_dim / 2,).
    """

    frequencies: Tensor

    @classmethod
    def from_config(cls, config: dict[str, Any], head_dim: int, where: str) -> Self:
        """As a `config.json` says, in the spelling of transformers 5 or before.

        Raises:
            UsageError: a scaling other than default, linear or llama3, or a partial rotation.
        """
        given = config.get("rope_parameters") or config.get("rope_scaling") or {}
        kind = given.get("rope_type", given.get("type", "default"))
        base = given.get("rope_theta", config.get("rope_theta", 10_000.0))
        if given.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0)) != 1.0:
            raise UsageError(f"{where}: partial_rotary_factor: multilora rotates whole heads only")
        exponents = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
        frequencies = 1.0 / base**exponents
        if kind == "linear":
            frequencies = frequencies / given["factor"]
        elif kind == "llama3":
            frequencies = _llama3(frequencies, given)
        elif kind != "default":
            raise UsageError(
                f"{where}: rope_type {kind!r}: multilora computes default, linear and llama3"
            )
        return cls(frequencies)

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine at each position, fp32 (M, head_dim / 2)."""
        turns = positions.float()[:, None] * self.frequencies
        return turns.cos(), turns.sin()


def _llama3(frequencies: Tensor, given: dict[str, Any]) -> Tensor:
    """Llama 3.1: long waves slowed by `factor`, short ones kept, a smooth ramp between."""
    factor, low, high = (given[k] for k in ("factor", "low_freq_factor", "high_freq_factor"))
    waves_in_context = given["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    kept: Tensor = ((waves_in_context - low) / (high - low)).clamp(0.0, 1.0)
    scaled: Tensor = kept * frequencies + (1 - kept) * frequencies / factor
    return scaled
