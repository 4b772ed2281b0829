"""Which full blocks hold the keys and values of which tokens: a radix tree over blocks."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Optional

Key = tuple[Hashable, tuple[int, ...]]
"""Whose keys and values they are (an adapter's, or the base model's), and a block's tokens."""


@dataclass(slots=True, eq=False)
class CachedBlock:
    """A full block, found by its tokens behind those of the blocks before it.

    Attributes:
        number: of the block in the pool; −1 for the root, which stands before the first.
        depth: blocks up to it, itself included.
        key: by which its parent knows it.
        parent: the block before; None for the root.
        children: blocks that were found to come after.
        users: sequences that hold it.
        used: when the last of them let it go, in ends of sequences.
    """

    number: int = -1
    depth: int = 0
    key: Key = (None, ())
    parent: Optional["CachedBlock"] = None
    children: dict[Key, "CachedBlock"] = field(default_factory=dict)
    users: int = 0
    used: int = 0


class PrefixTree:
    """Cached blocks; a path from the root is a prefix. It knows neither pool nor sequences.

    A key is compared token by token, a hash only finds it. A sequence holds the whole path to its
    last cached block. What nobody holds is idle, and leaves when its place is wanted: the least
    recently used first, and a block never before those behind it, which could not be found without.

    Attributes:
        root: stands before every first block.
        idle: blocks that nobody holds.
    """

    def __init__(self) -> None:
        """Holds nothing."""
        self.root, self.idle = CachedBlock(), 0
        self._leaves: OrderedDict[CachedBlock, None] = OrderedDict()
        self._ends = 0

    def add(self, parent: CachedBlock, key: Key, number: int) -> CachedBlock:
        """A new block behind one that the caller holds; the caller holds it, too."""
        block = CachedBlock(number, parent.depth + 1, key, parent, users=1)
        parent.children[key] = block
        return block

    def hold(self, block: CachedBlock) -> None:
        """One user more, who holds its parent already."""
        if not block.users:
            self._leaves.pop(block, None)
            self.idle -= 1
        block.users += 1

    def release(self, block: CachedBlock) -> None:
        """One user less, of it and of all before it."""
        self._ends += 1
        while block.parent is not None:
            block.users -= 1
            if not block.users:
                block.used = self._ends
                self.idle += 1
                if not block.children:
                    self._leaves[block] = None
            block = block.parent

    def evict(self) -> int:
        """Forget the least recently used of the idle; its number.

        Raises:
            KeyError: none is idle.
        """
        block, _ = self._leaves.popitem(last=False)
        self.idle -= 1
        parent = block.parent
        assert parent is not None
        del parent.children[block.key]
        if parent.parent is not None and not (parent.users or parent.children):
            self._leaves[parent] = None
            # Older than all other leaves, unless somebody went no further than the parent since.
            if parent.used <= block.used:
                self._leaves.move_to_end(parent, last=False)
        return block.number
