"""The contract of a popularity law."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a request gets: an adapter, and the tenant who asks where there are tenants."""

    adapter: int
    tenant: str | None = None


class Popularity(ABC):
    """Deals adapters, numbered from 0 with the most popular first, to requests."""

    name: str

    @property
    def random(self) -> bool:
        """Whether chance has a part in it, so that its seed changes anything."""
        return True

    @abstractmethod
    def probabilities(self, n: int) -> tuple[float, ...] | None:
        """Probability of each of `n` adapters; None where the law isn't an independent draw."""

    @abstractmethod
    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """One adapter a request; `groups` as `Arrivals.groups` has them."""

    def deal(self, groups: Sequence[int], n: int, rng: Random) -> list[Assignment]:
        """As `draw`, with the tenants; most laws know none."""
        return [Assignment(adapter) for adapter in self.draw(groups, n, rng)]

    def check(self, groups: Sequence[int], n: int) -> None:  # noqa: B027
        """Raise UsageError if the law can't serve such groups with `n` adapters."""


class Independent(Popularity):
    """Laws whose requests draw an adapter each, whatever the others drew."""

    @abstractmethod
    def probabilities(self, n: int) -> tuple[float, ...]:
        """Probability of each of `n` adapters."""

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """Independent draws."""
        return draw_independently(self.probabilities(n), sum(groups), rng)


def draw_independently(probabilities: Sequence[float], count: int, rng: Random) -> list[int]:
    """`count` independent draws, by inversion of the cumulative distribution."""
    cumulative = list(accumulate(probabilities))
    last = len(cumulative) - 1
    scale = cumulative[-1]
    return [min(bisect_right(cumulative, rng.random() * scale), last) for _ in range(count)]


def rounded(probabilities: Sequence[float] | None) -> list[float] | None:
    """The vector as it is written down; None where there is none."""
    return None if probabilities is None else [round(each, 12) for each in probabilities]
