"""`python -m pipeline.serve`, whose engine fails with its next step at SIGUSR1."""

import signal
import sys
from types import FrameType

from pipeline.engines.multilora.engine import Multilora
from pipeline.inference.events import Event
from pipeline.process.signals import command
from pipeline.serve.__main__ import main
from tests.serve.faults.server import SECRET

step = Multilora.step
told: list[int] = []


def failing(self: Multilora) -> list[Event]:
    """A step, until it was told to fail."""
    if told:
        raise RuntimeError(SECRET)
    return step(self)


def tell(number: int, frame: FrameType | None) -> None:
    """It shall fail."""
    told.append(number)


if __name__ == "__main__":
    Multilora.step = failing  # type: ignore[method-assign]
    signal.signal(signal.SIGUSR1, tell)
    sys.exit(command(main))
