"""Every request of a batch names another adapter (Punica's `distinct`)."""

from collections.abc import Sequence
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Popularity
from pipeline.workload.randomness import shuffle


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Distinct(Popularity):
    """Settings of `workload/popularity=distinct`."""

    name: str

    def probabilities(self, n: int) -> None:
        """Draws within a batch depend on each other."""

    def check(self, groups: Sequence[int], n: int) -> None:
        """A batch needs as many adapters as it has requests."""
        if max(groups) > n:
            raise UsageError(
                f"workload/popularity=distinct: {max(groups)} requests at a time need as many "
                f"adapters, and there are {n}; ask for fewer requests or raise adapters.count"
            )

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """Each group takes the first of a fresh shuffle."""
        drawn: list[int] = []
        for size in groups:
            order = list(range(n))
            shuffle(rng, order)
            drawn += order[:size]
        return drawn
