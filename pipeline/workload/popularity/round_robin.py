"""Request k names adapter k mod n (vLLM's `--lora-assignment round-robin`)."""

from collections.abc import Sequence
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Popularity


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RoundRobin(Popularity):
    """Settings of `workload/popularity=round_robin`."""

    name: str

    @property
    def random(self) -> bool:
        """Each in its turn."""
        return False

    def probabilities(self, n: int) -> None:
        """Nothing is drawn."""

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """In turn."""
        return [request % n for request in range(sum(groups))]
