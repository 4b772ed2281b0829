"""All requests name one adapter (Punica's `identical`)."""

from collections.abc import Sequence
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Popularity


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Identical(Popularity):
    """Settings of `workload/popularity=identical`."""

    name: str

    @property
    def random(self) -> bool:
        """It is always the same one."""
        return False

    def probabilities(self, n: int) -> tuple[float, ...]:
        """All of it on the first."""
        return (1.0, *(0.0,) * (n - 1))

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """The first adapter, always."""
        return [0] * sum(groups)
