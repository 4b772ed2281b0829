"""Which blocks of the KV pool belong to whom."""

from collections.abc import Iterable


class BlockAllocator:
    """Hands out the blocks of a pool of fixed size; nothing is ever moved or taken back by force.

    A sequence gets all the blocks it can ever need when it is admitted, so what runs always runs
    to its end. Blocks rather than one stretch a sequence: none is lost to fragmentation.

    Attributes:
        blocks: blocks of the pool.
        block_size: positions in a block.
        most: blocks that were held when most were.
    """

    def __init__(self, blocks: int, block_size: int) -> None:
        self.blocks, self.block_size = blocks, block_size
        self._free = list(range(blocks - 1, -1, -1))
        self.most = 0

    @property
    def free(self) -> int:
        """Blocks that nobody holds."""
        return len(self._free)

    @property
    def capacity(self) -> int:
        """Positions in the whole pool."""
        return self.blocks * self.block_size

    def can_allocate(self, tokens: int) -> bool:
        """Whether that many positions are free now."""
        return self._needed(tokens) <= len(self._free)

    def allocate(self, tokens: int) -> tuple[int, ...]:
        """Blocks that hold so many positions, in the order of the positions.

        Raises:
            ValueError: fewer are free.
        """
        needed = self._needed(tokens)
        if needed > len(self._free):
            raise ValueError(f"{needed} blocks asked for, {len(self._free)} free")
        taken = tuple(self._free.pop() for _ in range(needed))
        self.most = max(self.most, self.blocks - len(self._free))
        return taken

    def release(self, blocks: Iterable[int]) -> None:
        """Give the blocks back."""
        self._free.extend(blocks)

    def _needed(self, tokens: int) -> int:
        return -(-tokens // self.block_size)
