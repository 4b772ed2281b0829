"""The contract of a law of lengths in tokens, of outputs or prompts."""

from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar


class Lengths(ABC):
    """Says how many tokens each request asks for, or its prompt has."""

    name: str
    key: ClassVar[str]
    """The setting that makes the greatest length smaller, for messages."""

    @property
    def random(self) -> bool:
        """Whether chance has a part in it, so that its seed changes anything."""
        return True

    @abstractmethod
    def draw(self, count: int, rng: Random) -> list[int]:
        """`count` lengths, each at least 1."""

    @abstractmethod
    def most(self) -> int:
        """The greatest length that can be drawn."""

    def check(self) -> None:  # noqa: B027
        """Raise UsageError if it can't be drawn from, before anything heavy starts."""
