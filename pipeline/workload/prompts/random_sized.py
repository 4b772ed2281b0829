"""Prompts of exact lengths in tokens, drawn from a law: the `random` data set of peers."""

from collections.abc import Sequence
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.bounds import ANY, Bounds
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.prompts.exact_length import ExactLength
from pipeline.workload.prompts.source import Dealt, Encode, Prompt, Prompts


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RandomSized(Prompts):
    """Settings of `workload/prompts=random_sized`; `lengths` is any law of lengths."""

    name: str
    lengths: Lengths

    def check(self) -> None:
        """What the law says."""
        self.lengths.check()

    def deal(
        self, adapters: Sequence[int], rng: Random, encode: Encode, bounds: Bounds = ANY
    ) -> Dealt:
        """The lengths first, then the words.

        Raises:
            UsageError: there is no room for the longest, or the tokenizer doesn't count as
                expected, so that a length can't be met.
        """
        drawn = self.lengths.draw(len(adapters), rng)
        for tokens in (self.lengths.most(), min(drawn)) if bounds != ANY else ():
            bounds.make("workload.prompts.lengths", tokens)
        exact = ExactLength(encode)
        return Dealt([Prompt(exact.prompt(tokens, rng)) for tokens in drawn])
