"""All requests ask for equally many tokens."""

from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.ranges import Tokens


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Fixed(Lengths):
    """Settings of `workload/lengths=fixed`."""

    name: str
    key = "workload.max_new_tokens"
    max_new_tokens: Tokens

    @property
    def random(self) -> bool:
        """All are the same."""
        return False

    def draw(self, count: int, rng: Random) -> list[int]:
        """The same number each time."""
        return [self.max_new_tokens] * count

    def most(self) -> int:
        """The number."""
        return self.max_new_tokens
