"""Prompts of an exact length in tokens, for speed work: the words don't matter."""

from collections.abc import Sequence
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.bounds import ANY, Bounds
from pipeline.workload.prompts.exact_length import ExactLength
from pipeline.workload.prompts.source import Dealt, Encode, Prompt, Prompts
from pipeline.workload.ranges import Tokens


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Sized(Prompts):
    """Settings of `workload/prompts=sized`.

    Attributes:
        name: what the user typed.
        tokens: length of every prompt, by the model's own tokenizer.
    """

    name: str
    tokens: Tokens

    def deal(
        self, adapters: Sequence[int], rng: Random, encode: Encode, bounds: Bounds = ANY
    ) -> Dealt:
        """Random words, as many as fit.

        Raises:
            UsageError: there is no room for such prompts, or the tokenizer doesn't count as
                expected, so that the length can't be met.
        """
        bounds.make(f"workload.prompts.tokens={self.tokens}", self.tokens)
        exact = ExactLength(encode)
        return Dealt([Prompt(exact.prompt(self.tokens, rng)) for _ in adapters])
