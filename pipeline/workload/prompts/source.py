"""The contract of a source of prompts."""

from abc import ABC, abstractmethod
from random import Random


class Prompts(ABC):
    """Says what the requests say."""

    name: str

    @abstractmethod
    def draw(self, count: int, rng: Random) -> list[str]:
        """`count` prompts."""
