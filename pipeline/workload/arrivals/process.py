"""The contract of an arrival process."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Slot:
    """When one request arrives: seconds from the start of its iteration."""

    iteration: int
    scheduled_s: float


class Arrivals(ABC):
    """Decides when requests arrive, before any is sent."""

    name: str

    @property
    def random(self) -> bool:
        """Whether chance has a part in it, so that its seed changes anything."""
        return True

    @abstractmethod
    def slots(self, rng: Random) -> tuple[Slot, ...]:
        """One slot a request, in order."""

    @abstractmethod
    def groups(self) -> Sequence[int]:
        """Sizes of the groups of which any requests may be in the engine together, in order."""

    @property
    def max_in_flight(self) -> int | None:
        """Most requests in the engine at a time; None for no limit."""
        return None
