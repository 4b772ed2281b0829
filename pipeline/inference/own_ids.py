"""Logits as wide as the widest vocabulary of those served: which of a row are its own sequence's.

What is beyond its own vocabulary is −∞, so that it is never chosen and adds nothing to a sum.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def bound(logits: NDArray[np.float32], sizes: Sequence[int]) -> None:
    """Make impossible, in place, the ids that a row's own vocabulary lacks.

    Args:
        logits: (rows, ids).
        sizes: number of ids of each row's vocabulary.
    """
    for row, size in zip(logits, sizes, strict=True):
        row[size:] = -np.inf


def own_ids(row: NDArray[np.float32]) -> NDArray[np.float32]:
    """A row without the −∞ at its end, which stands for ids that its vocabulary lacks."""
    if row[-1] != -np.inf:
        return row
    return row[: len(row) - int((row[::-1] != -np.inf).argmax())]
