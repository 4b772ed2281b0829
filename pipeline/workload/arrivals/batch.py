"""Closed batches, the prototype's: the next is handed over when the last one is done."""

from collections.abc import Sequence
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.arrivals.process import Arrivals, Slot
from pipeline.workload.ranges import REQUESTS, Count


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ClosedBatches(Arrivals):
    """Settings of `workload/arrivals=batch`."""

    name: str
    batch_size: Count
    iterations: Count

    def __post_init__(self) -> None:
        if self.batch_size * self.iterations > REQUESTS:
            raise UsageError(
                f"workload.iterations={self.iterations}: times workload.batch_size="
                f"{self.batch_size} is more than {REQUESTS} requests; ask for fewer"
            )

    @property
    def random(self) -> bool:
        """A batch comes when the last is done."""
        return False

    def slots(self, rng: Random) -> tuple[Slot, ...]:
        """All requests of a batch at once."""
        return tuple(
            Slot(iteration, 0.0)
            for iteration in range(self.iterations)
            for _ in range(self.batch_size)
        )

    def groups(self) -> Sequence[int]:
        """The batches."""
        return [self.batch_size] * self.iterations
