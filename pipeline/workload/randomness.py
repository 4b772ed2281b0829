"""Random numbers, and the arithmetic of their laws, the same on every machine and Python version.

`math` takes logarithm, exponential and power from the C library, whose last bits may differ from
machine to machine. Decimal's ln and exp are specified to be rounded correctly, hence they are the
same everywhere; so are float's +, -, ×, ÷ and square root.
"""

import hashlib
import math
from collections.abc import MutableSequence
from decimal import Context, Decimal
from random import Random

_CONTEXT = Context(prec=40, traps=[])


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


def exponential(rng: Random) -> float:
    """Of mean 1, by inversion."""
    return -ln(1 - rng.random())


def normal(rng: Random) -> float:
    """Of mean 0 and variance 1, by Marsaglia's polar method."""
    while True:
        x, y = 2 * rng.random() - 1, 2 * rng.random() - 1
        square = x * x + y * y
        if 0 < square < 1:
            return x * math.sqrt(-2 * ln(square) / square)


def gamma(rng: Random, shape: float) -> float:
    """Of scale 1, so of mean and variance `shape` (Marsaglia and Tsang, 2000)."""
    if shape < 1:
        return gamma(rng, shape + 1) * power(1 - rng.random(), 1 / shape)
    d = shape - 1 / 3
    c = 1 / math.sqrt(9 * d)
    while True:
        x = normal(rng)
        root = 1 + c * x
        if root <= 0:
            continue
        v = root * root * root
        if ln(1 - rng.random()) < x * x / 2 + d - d * v + d * ln(v):
            return d * v


def ln(x: float) -> float:
    """Natural logarithm; -inf at 0."""
    return float(_CONTEXT.ln(Decimal(x)))


def exp(x: float) -> float:
    """e^x."""
    return float(_CONTEXT.exp(Decimal(x)))


def power(base: float, exponent: float) -> float:
    """base^exponent for base ≥ 0, as exp(exponent·ln base)."""
    product = _CONTEXT.multiply(Decimal(exponent), _CONTEXT.ln(Decimal(base)))
    return float(_CONTEXT.exp(product))
