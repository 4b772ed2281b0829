"""Prompts of an exact length in tokens, for speed work: the words don't matter."""

from random import Random

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.prompts.builtin import FILE
from pipeline.workload.prompts.source import Encode, Prompts
from pipeline.workload.randomness import below

FILLER = " a"
"""A word of one token in every tokenizer we know; brings a prompt to its exact length."""


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
        """Words of the builtin prompts in random order, as many as fit, then filler words.

        Raises:
            UsageError: the tokenizer doesn't count as expected, so the length can't be met.
        """
        words = FILE.read_text("utf-8").split()
        return [self._prompt(words, rng, encode) for _ in range(count)]

    def _prompt(self, words: list[str], rng: Random, encode: Encode) -> str:
        text = ""
        while True:
            longer = f"{text} {words[below(rng, len(words))]}"
            if len(encode(longer)) > self.tokens:
                break
            text = longer
        text += FILLER * (self.tokens - len(encode(text)))
        if (length := len(encode(text))) != self.tokens:
            raise UsageError(
                f"workload.prompts.tokens={self.tokens}: this tokenizer makes {length} tokens of "
                "the nearest text; choose another length"
            )
        return text
