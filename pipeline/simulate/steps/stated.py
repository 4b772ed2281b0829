"""Step times that somebody states: of another machine, or of one that isn't there yet."""

from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass

from pipeline.metrics.step_law import StepLaw
from pipeline.settings import STRICT
from pipeline.simulate.steps.source import EngineTimes, StepSource


@dataclass(frozen=True, config=STRICT, kw_only=True)
class StatedSteps(StepSource):
    """Settings of `steps=stated`, and of every file that keeps the law of one machine.

    Attributes:
        name: what the user typed.
        law: of the steps.
        load_s: seconds to bring an adapter into memory.
    """

    name: str
    law: StepLaw
    load_s: NonNegativeFloat

    def times(self) -> EngineTimes:
        """As stated."""
        return EngineTimes(self.law, self.load_s, f"step times: steps={self.name}, as stated")
