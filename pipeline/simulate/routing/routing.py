"""The contract of a routing: settings that make a router for a fleet."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fleet:
    """What a router knows from the beginning.

    Attributes:
        replicas: how many there are, numbered from 0.
        ranks: of the adapters, numbered from 0.
    """

    replicas: int
    ranks: NDArray[np.int64]


class Router(ABC):
    """Sends each request to a replica, as it comes.

    Attributes:
        told_s: seconds after which replicas tell it anew which adapters they have in memory;
            infinite where it doesn't ask.
    """

    told_s: float = inf

    @abstractmethod
    def choose(self, adapter: int, load: NDArray[np.int64]) -> int:
        """The replica that gets the next request.

        Args:
            adapter: its number.
            load: of every replica, how many of its requests aren't answered yet.
        """

    def told(self, replica: int, adapters: Collection[int]) -> None:  # noqa: B027
        """A replica tells which adapters are in its memory, or on their way there."""


class RoutingLaw(ABC):
    """Settings of a routing."""

    name: str

    @abstractmethod
    def router(self, fleet: Fleet, rng: np.random.Generator) -> Router:
        """One that has seen no request yet."""
