"""The contract of a law of output lengths."""

from abc import ABC, abstractmethod
from random import Random


class Lengths(ABC):
    """Says how many tokens each request asks for."""

    name: str

    @abstractmethod
    def draw(self, count: int, rng: Random) -> list[int]:
        """`max_new_tokens` of `count` requests."""
