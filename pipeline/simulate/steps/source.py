"""The contract of the `steps` group: what an engine's work takes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pipeline.metrics.step_law import StepLaw


@dataclass(frozen=True)
class EngineTimes:
    """What an engine's work takes.

    Attributes:
        law: of its steps.
        load_s: seconds to bring an adapter into memory, behind the steps, one adapter at a time;
            None where nobody knows.
        said: where the numbers come from, in a line, and how far they are to be trusted.
    """

    law: StepLaw
    load_s: float | None
    said: str


class StepSource(ABC):
    """Settings of the `steps` group."""

    name: str

    @abstractmethod
    def times(self) -> EngineTimes:
        """The law and what it is worth.

        Raises:
            UsageError: it can't be had, or is too far from what was measured.
        """
