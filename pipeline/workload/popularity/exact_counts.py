"""Laws that fix how many requests each adapter gets, and leave only their order to chance."""

from abc import abstractmethod
from collections.abc import Sequence
from random import Random

from pipeline.errors import UsageError
from pipeline.workload.popularity.law import Popularity
from pipeline.workload.randomness import shuffle


class ExactCounts(Popularity):
    """As many requests an adapter as `counts` says, shuffled."""

    @abstractmethod
    def counts(self, requests: int) -> list[int]:
        """Requests of each adapter, most popular first; they add up to `requests`."""

    def probabilities(self, n: int) -> None:
        """Draws depend on each other."""

    def check(self, groups: Sequence[int], n: int) -> None:
        """The number of requests decides how many adapters are needed."""
        needed = len(self.counts(sum(groups)))
        if needed > n:
            raise UsageError(
                f"workload/popularity={self.name}: {sum(groups)} requests need {needed} adapters, "
                f"and there are {n}; ask for fewer requests or raise adapters.count"
            )

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """All of them, in random order."""
        counts = self.counts(sum(groups))
        drawn = [adapter for adapter, count in enumerate(counts) for _ in range(count)]
        shuffle(rng, drawn)
        return drawn
