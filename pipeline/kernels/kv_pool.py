"""Keys and values of all running sequences, in memory taken once."""

from dataclasses import dataclass
from math import prod
from typing import Self

import torch
from torch import Tensor

from pipeline.kernels.abi import ABI
from pipeline.kernels.formats import UNIT
from pipeline.kernels.memory import lazy_bytes
from pipeline.models.config import ModelConfig

BLOCK_SIZE = ABI.constants["KV_BLOCK"]
"""Positions in a block: two vectors of eight lanes, so scores come out side by side."""


@dataclass(frozen=True, eq=False)
class KvPool:
    """Blocks of `block_size` positions; a sequence's block table says which are its own.

    Attributes:
        keys: fp32 (layers, blocks, kv_heads, head_dim, block_size): transposed, so that the
            scores of neighbouring positions are neighbours too.
        values: fp32 (layers, blocks, kv_heads, block_size, head_dim filled up to two vectors).
    """

    keys: Tensor
    values: Tensor

    @classmethod
    def for_tokens(cls, tokens: int, model: ModelConfig) -> Self:
        """A pool for that many positions, rounded up to whole blocks."""
        blocks = -(-tokens // BLOCK_SIZE)
        outer = (model.layers, blocks, model.kv_heads)
        head, padded = model.head_dim, -(-model.head_dim // UNIT) * UNIT
        return cls(_zeros(*outer, head, BLOCK_SIZE), _zeros(*outer, BLOCK_SIZE, padded))

    @property
    def blocks(self) -> int:
        """Blocks of the pool."""
        return self.keys.shape[1]

    @property
    def block_size(self) -> int:
        """Positions in a block."""
        return self.keys.shape[-1]

    @property
    def block_bytes(self) -> int:
        """Memory of one block in all layers; the system gives none before it is written to."""
        return (self.keys.nbytes + self.values.nbytes) // self.blocks


def _zeros(*shape: int) -> Tensor:
    return lazy_bytes(4 * prod(shape)).view(torch.float32).view(shape)
