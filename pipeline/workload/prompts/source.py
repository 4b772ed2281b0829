"""The contract of a source of prompts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from random import Random

Encode = Callable[[str], Sequence[int]]
"""Token ids of a text."""


class Prompts(ABC):
    """Says what the requests say."""

    name: str

    @abstractmethod
    def draw(self, count: int, rng: Random, encode: Encode) -> list[str]:
        """`count` prompts; `encode` is the model's tokenizer, for sources that count tokens."""

    def draw_for(self, adapters: Sequence[int], rng: Random, encode: Encode) -> list[str]:
        """A prompt a request, which names that adapter; most sources don't care."""
        return self.draw(len(adapters), rng, encode)

    def check(self) -> None:  # noqa: B027
        """Raise UsageError if it can't be drawn from, before anything heavy starts."""
