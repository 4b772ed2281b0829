"""The random choices of one example, from the words of training or from those held out of it."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

EVERY = 5
"""One word of so many is held out."""


class Draw:
    """Chooses repeatably: the same skill, number and side of the split give the same choices."""

    def __init__(self, skill: str, number: int, held_out: bool) -> None:
        self._rng = Random(f"{skill}:{number}:{'held out' if held_out else 'trained'}")
        self._held_out = held_out

    def word(self, words: Sequence[T]) -> T:
        """One of this side's words: every fifth is held out, in the order of the list."""
        return self._rng.choice(
            [each for at, each in enumerate(words, 1) if (at % EVERY == 0) == self._held_out]
        )

    def form(self, forms: Sequence[T]) -> T:
        """One of the ways to say it, which both sides share."""
        return self._rng.choice(forms)

    def order(self, things: Sequence[T]) -> list[T]:
        """All of them, in random order; both sides share them."""
        return self._rng.sample(things, len(things))

    def number(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return self._rng.randint(low, high)
