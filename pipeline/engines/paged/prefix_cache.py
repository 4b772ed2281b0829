"""Blocks whose keys and values were computed before, for sequences that begin alike."""

from typing import Any

from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.paged.block_tables import BlockTables
from pipeline.engines.paged.prefix_tree import Key, PrefixTree
from pipeline.engines.paged.sequence import PagedSequence


class PrefixCache(BlockTables):
    """Block tables that share full blocks; they are never written to again.

    Blocks are found by adapter and tokens. The adapter is the very generation that the request was
    promised: one that is loaded anew under its name has none yet. Keys and values depend on the
    tokens up to their own alone, to the bit, and so does nothing on who computed them, and whether
    as a prompt or as an answer.

    A block stays when nobody uses it any more, until its place is wanted.
    """

    def __init__(self, pool: BlockAllocator) -> None:
        """Nothing is kept.

        Args:
            pool: the blocks there are.
        """
        super().__init__(pool)
        self._tree = PrefixTree()

    @property
    def free(self) -> int:
        """Those that are kept for nobody can be had, too."""
        return self._pool.free + self._tree.idle

    def fits(self, sequence: PagedSequence[Any], spare: int) -> bool:
        """What others hold already takes no room; what is merely kept takes it from the free."""
        return super().fits(sequence, spare) or super().fits(sequence, spare - self._held(sequence))

    def open(self, sequence: PagedSequence[Any]) -> None:
        """What can be found, and blocks for the rest."""
        sequence.cached = self._tree.root
        if not sequence.preempted and sequence.scores is None:
            self.prompt_tokens += len(sequence.prompt)
        try:
            self.share(sequence)
            sequence.blocks += self._take(sequence.known - sequence.computed)
        except BaseException:
            self.release(sequence)
            raise

    def share(self, sequence: PagedSequence[Any]) -> None:
        """Found blocks take the place of its own, also of one that is computed in part.

        Not of one whose prompt is scored: that has to be computed, for the logits of its tokens.
        """
        block, size, before = sequence.cached, self._pool.block_size, sequence.computed
        assert block is not None
        if sequence.scores is not None or block.depth != before // size:
            return
        found: list[int] = []
        while (block.depth + 1) * size < sequence.known:
            child = block.children.get(self._key(sequence, block.depth))
            if child is None:
                break
            self._tree.hold(child)
            sequence.cached = block = child
            found.append(child.number)
        if found:
            self._replace(sequence, block.depth - len(found), found)
            sequence.computed = block.depth * size
            if not sequence.preempted:
                self.cached_tokens += sequence.computed - before

    def keep(self, sequence: PagedSequence[Any]) -> None:
        """Its full blocks; where others kept the same before, theirs take the place of its own."""
        block = sequence.cached
        assert block is not None
        full = sequence.computed // self._pool.block_size
        while block.depth < full:
            at, key = block.depth, self._key(sequence, block.depth)
            child = block.children.get(key)
            if child is None:
                child = self._tree.add(block, key, sequence.blocks[at])
            else:
                self._tree.hold(child)
                self._replace(sequence, at, [child.number])
            sequence.cached = block = child

    def release(self, sequence: PagedSequence[Any]) -> None:
        """Kept first, so that what it computed may be found."""
        if sequence.blocks:
            self.keep(sequence)
        if sequence.cached is not None:
            shared, sequence.cached = sequence.cached, None
            sequence.blocks = sequence.blocks[shared.depth :]
            self._tree.release(shared)
        super().release(sequence)

    def forget(self) -> None:
        """Their blocks are free."""
        while self._tree.idle:
            self._pool.release([self._tree.evict()])

    def _take(self, tokens: int) -> tuple[int, ...]:
        while self._tree.idle and not self._pool.can_allocate(tokens):
            self._pool.release([self._tree.evict()])
        return super()._take(tokens)

    def _held(self, sequence: PagedSequence[Any]) -> int:
        """Blocks that it would find and others hold."""
        block, held = self._tree.root, 0
        while (
            sequence.scores is None and (block.depth + 1) * self._pool.block_size < sequence.known
        ):
            child = block.children.get(self._key(sequence, block.depth))
            if child is None or not child.users:
                break
            block, held = child, held + 1
        return held

    def _key(self, sequence: PagedSequence[Any], at: int) -> Key:
        size = self._pool.block_size
        return sequence.lease.adapter, tuple(sequence.tokens(at * size, (at + 1) * size))

    def _replace(self, sequence: PagedSequence[Any], at: int, numbers: list[int]) -> None:
        """Blocks of its own from there on, if it has them, by others'."""
        own, stop = sequence.blocks, at + len(numbers)
        sequence.blocks = (*own[:at], *numbers, *own[stop:])
        self._pool.release(own[at:stop])
