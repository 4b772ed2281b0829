"""A prompt of an exact number of tokens: the words don't matter, their number does."""

from functools import cache
from random import Random

from pipeline.errors import UsageError
from pipeline.workload.prompts.builtin import FILE
from pipeline.workload.prompts.source import Encode
from pipeline.workload.randomness import below

FILLER = " a"
"""A word of one token in every tokenizer we know; brings a prompt to its exact length."""

MOST_WORDS = 8
"""Words a token that are tried; none we know makes one token of so many words."""


class ExactLength:
    """Makes such prompts from the words of the builtin ones."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._words = _words()
        self._longest = max(1, *(len(encode(f" {word}")) for word in set(self._words)))

    def prompt(self, tokens: int, rng: Random) -> str:
        """Words in random order, as many as fit, then filler words.

        Raises:
            UsageError: the tokenizer doesn't count as expected, so the length can't be met.
        """
        return self.extended("", tokens, rng)

    def extended(self, text: str, tokens: int, rng: Random) -> str:
        """The same, but for what it begins with.

        Raises:
            UsageError: as `prompt`.
        """
        length, words = len(self._encode(text)), 0
        while True:
            more = max(1, (tokens - length) // self._longest)
            longer = text + self._some(more, rng)
            length, words = len(self._encode(longer)), words + more
            if length > tokens:
                break
            if words > MOST_WORDS * tokens:
                raise UsageError(
                    f"workload.prompts: {tokens} tokens: this tokenizer makes only {length} of "
                    f"{words} words, as if it cut them off; mend its tokenizer.json"
                )
            text = longer
        text += FILLER * (tokens - len(self._encode(text)))
        if (length := len(self._encode(text))) != tokens:
            raise UsageError(
                f"workload.prompts: {tokens} tokens: this tokenizer makes {length} of the nearest "
                "text; choose another length"
            )
        return text

    def _some(self, count: int, rng: Random) -> str:
        return "".join(f" {self._words[below(rng, len(self._words))]}" for _ in range(count))


@cache
def _words() -> list[str]:
    return FILE.read_text("utf-8").split()
