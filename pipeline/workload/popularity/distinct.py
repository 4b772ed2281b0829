"""Every request names another adapter than those it may meet in the engine: Punica's `distinct`."""

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
        """As many adapters are needed as requests may be in the engine together."""
        wanted = max(groups)
        if wanted > n:
            raise UsageError(
                f"workload/popularity=distinct: {wanted} requests at a time need {wanted} "
                f"adapters, and there are {n}; raise adapters.count to {wanted} or ask for fewer "
                "requests"
            )

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """Each group takes the first of a fresh shuffle."""
        drawn: list[int] = []
        for size in groups:
            order = list(range(n))
            shuffle(rng, order)
            drawn += order[:size]
        return drawn
