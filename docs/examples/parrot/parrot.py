"""An engine outside the package: it repeats the prompt, as `noop` does, but takes its time."""

from time import sleep

from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass

from pipeline.engines import noop
from pipeline.engines.settings import Serving
from pipeline.inference.engine import Engine
from pipeline.inference.events import Event
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ParrotSettings(noop.NoopSettings):
    """What `engine/parrot.yaml` sets.

    Attributes:
        pause_s: seconds before every token.
    """

    pause_s: NonNegativeFloat

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return Parrot(serving, self.pause_s)


class Parrot(noop.Noop):
    """Everything an engine must do, `noop` does; this one only waits first."""

    def __init__(self, serving: Serving, pause_s: float) -> None:
        super().__init__(serving)
        self._pause_s = pause_s

    def step(self) -> list[Event]:
        """As `noop`'s, a little later."""
        self.clock.enter("decode")
        sleep(self._pause_s)
        self.clock.enter("other")
        return super().step()
