"""When what happened to the requests of a simulation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Stamps:
    """What became of each request: seconds, NaN where it hasn't come to that.

    Attributes:
        first: when its first token was there.
        finished: when its last token was.
        missed: whether its adapter had to be waited for.
    """

    first: NDArray[np.float64]
    finished: NDArray[np.float64]
    missed: NDArray[np.bool_]

    @classmethod
    def blank(cls, requests: int) -> "Stamps":
        """Of requests that haven't come yet."""
        unknown = np.full(requests, np.nan)
        return cls(unknown, unknown.copy(), np.zeros(requests, bool))
