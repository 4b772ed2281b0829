"""Keys and values of all running sequences, in memory taken once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from pipeline.kernels.abi import ABI
from pipeline.kernels.formats import UNIT, NumberFormat
from pipeline.kernels.memory import huge_bytes
from pipeline.models.config import ModelConfig

BLOCK_SIZE = ABI.constants["KV_BLOCK"]
"""Positions in a block: two vectors of eight lanes, so scores come out side by side."""

_NUMBERS = {32: torch.float32, 16: torch.float16, 8: torch.int8}


@dataclass(frozen=True, eq=False)
class KvPool:
    """Blocks of `block_size` positions; a sequence's block table says which are its own.

    A block is one piece of memory with all that is kept of its positions: of each layer and key
    head the keys, their scales, the values and their scales.

    Attributes:
        data: uint8 (blocks, layers, kv_heads, bytes).
        width: of a head.
        format: how numbers are stored.
    """

    data: Tensor
    width: int
    format: NumberFormat

    @classmethod
    def for_tokens(cls, tokens: int, model: ModelConfig, format: NumberFormat) -> Self:
        """A pool for that many positions, rounded up to whole blocks."""
        blocks = -(-tokens // BLOCK_SIZE)
        return cls.of(blocks, model.layers, model.kv_heads, model.head_dim, format)

    @classmethod
    def of(cls, blocks: int, layers: int, heads: int, width: int, format: NumberFormat) -> Self:
        """A pool of so many blocks."""
        size = BLOCK_SIZE * position_bytes(width, format)
        data = huge_bytes(blocks * layers * heads * size)
        return cls(data.view(blocks, layers, heads, size), width, format)

    @property
    def blocks(self) -> int:
        """Blocks of the pool."""
        return len(self.data)

    @property
    def layers(self) -> int:
        """Of the model."""
        return self.data.shape[1]

    @property
    def block_size(self) -> int:
        """Positions in a block."""
        return BLOCK_SIZE

    @property
    def block_bytes(self) -> int:
        """Memory of one block; the system gives none before it is written to."""
        return self.data[:1].nbytes

    @cached_property
    def keys(self) -> Tensor:
        """As stored, (blocks, layers, kv_heads, width, block_size).

        Transposed, so that the scores of neighbouring positions are neighbours too.
        """
        return self._numbers(0, self.width, BLOCK_SIZE)

    @cached_property
    def key_scales(self) -> Tensor:
        """fp32 (blocks, layers, kv_heads, block_size), or none."""
        return self._scales(self._key_bytes)

    @cached_property
    def values(self) -> Tensor:
        """As stored, (blocks, layers, kv_heads, block_size, width filled up to two vectors)."""
        return self._numbers(self._key_bytes, BLOCK_SIZE, _padded(self.width))

    @cached_property
    def value_scales(self) -> Tensor:
        """fp32 (blocks, layers, kv_heads, block_size), or none."""
        return self._scales(self.data.shape[-1])

    @property
    def _key_bytes(self) -> int:
        return BLOCK_SIZE * _vector_bytes(self.width, self.format)

    def _numbers(self, start: int, rows: int, columns: int) -> Tensor:
        end = start + rows * columns * self.format.bits // 8
        numbers = self.data[..., start:end].view(_NUMBERS[self.format.bits])
        return numbers.view(*self.data.shape[:-1], rows, columns)

    def _scales(self, end: int) -> Tensor:
        size = BLOCK_SIZE * self.format.scale_bits // 8
        return self.data[..., end - size : end].view(torch.float32)


def position_bytes(width: int, format: NumberFormat) -> int:
    """Of one position of a key head: its key and its value, with their scales."""
    return _vector_bytes(width, format) + _vector_bytes(_padded(width), format)


def _vector_bytes(width: int, format: NumberFormat) -> int:
    return width * format.bits // 8 + format.scale_bits // 8


def _padded(width: int) -> int:
    return -(-width // UNIT) * UNIT
