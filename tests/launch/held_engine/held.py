"""An engine that stops in the middle of its run: a job that can't end before it is killed."""

from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.engines.noop import Noop, NoopSettings
from pipeline.engines.settings import Serving
from pipeline.inference.engine import Engine
from pipeline.inference.events import Event
from pipeline.settings import STRICT
from tests.waiting import until

STEPS = 60
"""After which there are rows; a job of the tests that is to be killed has many more."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class HeldSettings(NoopSettings):
    """What `engine/held.yaml` sets.

    Attributes:
        there: a file; the engine goes on when it is gone.
    """

    there: str

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return Held(serving, Path(self.there))


class Held(Noop):
    """Everything an engine must do, `noop` does; this one only waits."""

    def __init__(self, serving: Serving, there: Path) -> None:
        super().__init__(serving)
        self._there, self._steps = there, 0

    def step(self) -> list[Event]:
        """As `noop`'s, whenever that may be."""
        self._steps += 1
        if self._steps > STEPS:
            until(lambda: not self._there.exists())
        return super().step()
