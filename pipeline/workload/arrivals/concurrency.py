"""A closed loop: so many users, each of whom sends the next request when the last is answered."""

from collections.abc import Sequence
from random import Random

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.process import Arrivals, Slot


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Concurrency(Arrivals):
    """Settings of `workload/arrivals=concurrency`."""

    name: str
    concurrency: PositiveInt
    requests: PositiveInt

    def slots(self, rng: Random) -> tuple[Slot, ...]:
        """All could arrive at once; `max_in_flight` holds them back."""
        return (Slot(0, 0.0),) * self.requests

    def groups(self) -> Sequence[int]:
        """As many as are in flight, again and again."""
        whole, rest = divmod(self.requests, self.concurrency)
        return [self.concurrency] * whole + [rest] * (rest > 0)

    @property
    def max_in_flight(self) -> int:
        """The number of users."""
        return self.concurrency
