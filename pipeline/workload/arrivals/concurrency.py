"""A closed loop: so many users, each of whom sends the next request when the last is answered."""

from collections.abc import Sequence
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.process import Arrivals, Slot
from pipeline.workload.ranges import Count


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Concurrency(Arrivals):
    """Settings of `workload/arrivals=concurrency`."""

    name: str
    concurrency: Count
    requests: Count

    @property
    def random(self) -> bool:
        """A request comes when one is answered."""
        return False

    def slots(self, rng: Random) -> tuple[Slot, ...]:
        """All could arrive at once; `max_in_flight` holds them back."""
        return (Slot(0, 0.0),) * self.requests

    def groups(self) -> Sequence[int]:
        """Nobody knows whose answers take longest: any of them may be in flight together."""
        return [self.requests]

    @property
    def max_in_flight(self) -> int:
        """The number of users."""
        return self.concurrency
