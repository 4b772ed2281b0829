"""Prompts of an exact length in tokens, for speed work: the words don't matter."""

from random import Random

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.prompts.exact_length import ExactLength
from pipeline.workload.prompts.source import Encode, Prompts


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Sized(Prompts):
    """Settings of `workload/prompts=sized`.

    Attributes:
        name: what the user typed.
        tokens: length of every prompt, by the model's own tokenizer.
    """

    name: str
    tokens: PositiveInt

    def draw(self, count: int, rng: Random, encode: Encode) -> list[str]:
        """Random words, as many as fit.

        Raises:
            UsageError: the tokenizer doesn't count as expected, so the length can't be met.
        """
        exact = ExactLength(encode)
        return [exact.prompt(self.tokens, rng) for _ in range(count)]
