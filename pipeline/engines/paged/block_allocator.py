"""Which blocks of a pool belong to whom."""

from collections.abc import Iterable


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
