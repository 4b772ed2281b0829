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
