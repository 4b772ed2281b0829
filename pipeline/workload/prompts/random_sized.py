"""Prompts of exact lengths in tokens, drawn from a law: the `random` data set of peers."""

from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.prompts.exact_length import ExactLength
from pipeline.workload.prompts.source import Encode, Prompts


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RandomSized(Prompts):
    """Settings of `workload/prompts=random_sized`; `lengths` is any law of lengths."""

    name: str
    lengths: Lengths

    def check(self) -> None:
        """What the law says."""
        self.lengths.check()

    def draw(self, count: int, rng: Random, encode: Encode) -> list[str]:
        """The lengths first, then the words.

        Raises:
            UsageError: the tokenizer doesn't count as expected, so a length can't be met.
        """
        exact = ExactLength(encode)
        return [exact.prompt(tokens, rng) for tokens in self.lengths.draw(count, rng)]
