"""The KV cache: how many positions it gets, and which of its blocks belong to whom."""

from collections.abc import Iterable

from pipeline.kernels.formats import NUMBER_FORMATS, NumberDtype
from pipeline.kernels.kv_pool import position_bytes
from pipeline.machine.memory import available_memory
from pipeline.models.config import ModelConfig

USUAL = 1024
"""Positions a sequence is expected to need, prompt and output together."""

SHARE = 4
"""The default pool takes at most one such part of the free memory."""


def pool_tokens(
    model: ModelConfig, dtype: NumberDtype, max_batch_size: int, said: int | None = None
) -> int:
    """Positions of the pool: what is said, or the default for this model and machine."""
    if said is not None:
        return said
    usual = max_batch_size * min(USUAL, model.positions)
    room = available_memory().bytes // SHARE // bytes_per_token(model, dtype)
    return min(max(usual, model.positions), room)


def bytes_per_token(model: ModelConfig, dtype: NumberDtype) -> int:
    """Keys and values of one position in all layers, with their scales."""
    return model.layers * model.kv_heads * position_bytes(model.head_dim, NUMBER_FORMATS[dtype])


class BlockAllocator:
    """Hands out the blocks of a pool of fixed size; nothing is ever moved.

    Blocks rather than one stretch a sequence: none is lost to fragmentation. None is lost to an
    error either: what is free is the bottom of a stack that never grows.

    Attributes:
        blocks: blocks of the pool.
        block_size: positions in a block.
        peak_blocks: blocks that were held when most were.
    """

    def __init__(self, blocks: int, block_size: int) -> None:
        self.blocks, self.block_size = blocks, block_size
        self._stack, self._free = list(range(blocks - 1, -1, -1)), blocks
        self.peak_blocks = 0

    @property
    def free(self) -> int:
        """Blocks that nobody holds."""
        return self._free

    @property
    def capacity(self) -> int:
        """Positions in the whole pool."""
        return self.blocks * self.block_size

    def blocks_for(self, tokens: int) -> int:
        """Blocks that so many positions take."""
        return -(-tokens // self.block_size)

    def can_allocate(self, tokens: int) -> bool:
        """Whether that many positions are free now."""
        return self.blocks_for(tokens) <= self._free

    def allocate(self, tokens: int) -> tuple[int, ...]:
        """Blocks that hold so many positions, in the order of the positions.

        Raises:
            ValueError: fewer are free.
        """
        needed = self.blocks_for(tokens)
        if needed > self._free:
            raise ValueError(f"{needed} blocks asked for, {self._free} free")
        left = self._free - needed
        taken = tuple(reversed(self._stack[left : self._free]))
        self._free = left
        self.peak_blocks = max(self.peak_blocks, self.blocks - left)
        return taken

    def release(self, blocks: Iterable[int]) -> None:
        """Give the blocks back."""
        for block in blocks:
            self._stack[self._free] = block
            self._free += 1
