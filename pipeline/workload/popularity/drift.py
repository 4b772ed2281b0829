"""Popularity that drifts: any law, but every so often other adapters are the popular ones."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.popularity.distinct import Distinct
from pipeline.workload.popularity.law import Assignment, Popularity
from pipeline.workload.randomness import shuffle


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Drift(Popularity):
    """Settings of `workload/popularity=drift`.

    Attributes:
        name: what the user typed.
        base: the law that holds at any time.
        every: after so many requests the ranks are permuted anew; the first so many keep theirs.
    """

    name: str
    base: Popularity
    every: PositiveInt

    def probabilities(self, n: int) -> None:
        """They change."""

    def check(self, groups: Sequence[int], n: int) -> None:
        """What the law says; `distinct` has no popular adapters that could become others."""
        if isinstance(self.base, Distinct):
            raise UsageError(
                "workload.popularity.base=distinct: no adapter is more popular than another, so "
                "nothing can drift; use another law, or workload/popularity=distinct"
            )
        self.base.check(groups, n)

    def deal(self, groups: Sequence[int], n: int, rng: Random) -> list[Assignment]:
        """The law's draws, each read through the ranks of its time."""
        ranks, dealt = list(range(n)), []
        for position, choice in enumerate(self.base.deal(groups, n, rng)):
            if position and position % self.every == 0:
                shuffle(rng, ranks)
            dealt.append(replace(choice, adapter=ranks[choice.adapter]))
        return dealt

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """The adapters alone."""
        return [choice.adapter for choice in self.deal(groups, n, rng)]
