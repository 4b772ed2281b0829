"""A sequence whose keys and values lie in the blocks of a pool, and its share of a step."""

from dataclasses import dataclass
from typing import Generic

from pipeline.engines.batching.adapter_registry import T
from pipeline.engines.batching.sequence import Sequence


@dataclass(slots=True, eq=False)
class PagedSequence(Sequence, Generic[T]):
    """A sequence, and what it holds while it runs.

    Attributes:
        computed: leading tokens whose keys and values are in the pool.
        blocks: blocks of the pool that it holds, in order; none before it is admitted.
        missed: its adapter wasn't in memory when the scheduler first looked.
        overtaken: later requests that were admitted before it.
    """

    computed: int = 0
    blocks: tuple[int, ...] = ()
    missed: bool = False
    overtaken: int = 0

    @property
    def weights(self) -> T | None:
        """Its adapter's while it runs; None for the base model."""
        return self.lease.weights

    @property
    def pending(self) -> int:
        """Known tokens that haven't been through the model: of the prompt, or the newest one."""
        return len(self.prompt) + len(self.output) - self.computed

    def next_tokens(self, count: int) -> list[int]:
        """The first `count` pending ones."""
        if self.output:
            return self.output[-1:]
        return self.prompt[self.computed : self.computed + count]


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """The tokens of one sequence in one step.

    Attributes:
        sequence: whose.
        count: how many of its pending tokens.
    """

    sequence: PagedSequence[T]
    count: int

    @property
    def is_decode(self) -> bool:
        """Whether it continues an output; else it reads a prompt."""
        return bool(self.sequence.output)

    @property
    def yields(self) -> bool:
        """Whether the step gives the sequence a token: nothing is pending behind the chunk."""
        return self.count == self.sequence.pending
