"""Random numbers of given distributions, the same on every machine and Python version."""

import math
from random import Random

from pipeline.workload.exact import ln, power


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
