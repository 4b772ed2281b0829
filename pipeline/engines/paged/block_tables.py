"""Which blocks of the pool a sequence has: as many as its tokens need, one more when they grow."""

from typing import Any

from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.paged.sequence import PagedSequence


class BlockTables:
    """Gives sequences blocks of their own, and takes them back.

    Nothing is reserved for tokens that aren't known yet, so a sequence that runs may find no block
    for its next one.

    Attributes:
        cached_tokens: prompt tokens that needn't be computed, since others had been before.
        prompt_tokens: prompt tokens of the requests for which such were looked for.
    """

    def __init__(self, pool: BlockAllocator) -> None:
        """Nobody has any.

        Args:
            pool: the blocks there are.
        """
        self._pool = pool
        self.cached_tokens = self.prompt_tokens = 0

    @property
    def free(self) -> int:
        """Blocks that can be had now."""
        return self._pool.free

    def fits(self, sequence: PagedSequence[Any], spare: int) -> bool:
        """Whether a waiting sequence finds blocks for its known tokens, with so many left over."""
        return self._pool.blocks_for(sequence.known) + spare <= self.free

    def open(self, sequence: PagedSequence[Any]) -> None:
        """Blocks for all known tokens of a waiting sequence.

        Raises:
            ValueError: there are fewer; it has none then.
        """
        sequence.blocks = self._take(sequence.known)

    def reaches(self, sequence: PagedSequence[Any]) -> bool:
        """Whether it has a block for its next pending token."""
        return sequence.computed < len(sequence.blocks) * self._pool.block_size

    def extend(self, sequence: PagedSequence[Any]) -> bool:
        """One block more for it; False where none can be had."""
        if not self.free:
            return False
        sequence.blocks += self._take(1)
        return True

    def share(self, sequence: PagedSequence[Any]) -> None:
        """Take in what others have computed of its pending tokens, all but the last one."""

    def keep(self, sequence: PagedSequence[Any]) -> None:
        """Let others find what has been computed of it."""

    def release(self, sequence: PagedSequence[Any]) -> None:
        """It needs its blocks no more, and nothing of it is computed then."""
        self._pool.release(sequence.blocks)
        sequence.blocks, sequence.computed = (), 0

    def forget(self) -> None:
        """Of what was kept, all that nobody uses."""

    def _take(self, tokens: int) -> tuple[int, ...]:
        return self._pool.allocate(tokens)
