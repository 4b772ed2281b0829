"""A sequence whose keys and values lie in the blocks of a pool, and its share of a step."""

from dataclasses import dataclass
from typing import Generic

from pipeline.engines.batching.adapter_registry import T
from pipeline.engines.batching.sequence import Sequence
from pipeline.engines.paged.prefix_tree import CachedBlock
from pipeline.inference.logprobs import Logprobs


@dataclass(slots=True, eq=False)
class PagedSequence(Sequence, Generic[T]):
    """A sequence, and what it holds while it runs.

    Attributes:
        computed: leading tokens whose keys and values are in the pool.
        blocks: blocks of the pool that it holds, in order; none while it waits.
        cached: the last of those that it shares through the prefix cache, which are its first;
            None where there is no such cache.
        preempted: it ran before and had to give back what it held.
        missed: its adapter wasn't in memory when the scheduler first looked.
        overtaken: later requests that were admitted before it.
        scores: log-probabilities of the prompt's tokens so far, of which the first has none; None
            where nobody asked for them, or they have been told.
    """

    computed: int = 0
    blocks: tuple[int, ...] = ()
    cached: CachedBlock | None = None
    preempted: bool = False
    missed: bool = False
    overtaken: int = 0
    scores: list[Logprobs | None] | None = None

    @property
    def weights(self) -> T | None:
        """Its adapter's while it runs; None for the base model."""
        return self.lease.weights

    @property
    def known(self) -> int:
        """Tokens of the prompt, and those it was given."""
        return len(self.prompt) + len(self.output)

    @property
    def pending(self) -> int:
        """Known tokens whose keys and values aren't in the pool: the newest one, or more."""
        return len(self.prompt) + len(self.output) - self.computed

    def next_tokens(self, count: int) -> list[int]:
        """The first `count` pending ones."""
        if self.output and self.pending == 1:
            return self.output[-1:]
        return self.tokens(self.computed, self.computed + count)

    def tokens(self, start: int, stop: int) -> list[int]:
        """Those known tokens, counted from the beginning of the prompt."""
        prompt = len(self.prompt)
        if stop <= prompt:
            return self.prompt[start:stop]
        return self.prompt[start:] + self.output[max(0, start - prompt) : stop - prompt]


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
        """Whether it continues an output; else it reads a prompt, or again what was preempted."""
        sequence, given = self.sequence, len(self.sequence.output)
        return given > 0 and len(sequence.prompt) + given - sequence.computed == 1

    @property
    def yields(self) -> bool:
        """Whether the step gives the sequence a token: nothing is pending behind the chunk."""
        return self.count == self.sequence.pending

    @property
    def outputs(self) -> range:
        """Its rows whose logits are wanted: all of a prompt that is scored, else the yielding."""
        is_scored = self.sequence.scores is not None
        return range(0 if is_scored else self.count - self.yields, self.count)
