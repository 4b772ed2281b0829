"""Random numbers that are the same on every machine and Python version."""

import hashlib
from collections.abc import MutableSequence
from random import Random


def stream(seed: int, purpose: str) -> Random:
    """A generator of its own for each purpose.

    Only its `random()` may be used: of all its methods, Python promises the sequence of that one.
    """
    digest = hashlib.sha256(f"{purpose}:{seed}".encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))


def below(rng: Random, n: int) -> int:
    """A whole number from 0 to n - 1."""
    return min(int(rng.random() * n), n - 1)


def shuffle(rng: Random, items: MutableSequence[int]) -> None:
    """Put `items` in random order (Fisher and Yates)."""
    for last in range(len(items) - 1, 0, -1):
        other = below(rng, last + 1)
        items[last], items[other] = items[other], items[last]
