"""Launchers whose places are on other machines: seats that are taken, and left after the jobs."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

from pipeline.config.run_config import RunConfig
from pipeline.errors import UsageError
from pipeline.launch.launchers.launcher import Launcher, Workplace
from pipeline.launch.launchers.seat import Seat


class Seated(Launcher):
    """Knows the seats that are taken, so that all of them can be ended from another thread."""

    _taken: list[Seat]

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """With a list that is there before any thread looks for it."""
        made = super().__new__(cls)
        object.__setattr__(made, "_taken", [])
        return made

    @abstractmethod
    def seat(self) -> AbstractContextManager[Seat]:
        """A free seat, waited for if there is none; whoever takes it leaves it."""

    @contextmanager
    def place(self) -> Iterator[Workplace]:
        """A seat for as long as this lasts; what runs there at the end of it ends."""
        with self.seat() as seat:
            self._taken.append(seat)
            try:
                yield seat
            finally:
                self._taken.remove(seat)
                seat.leave()

    def stop(self) -> None:
        """End what waits or runs in any seat: whoever waits for it is told so."""
        for seat in [*self._taken]:
            seat.leave()


def check_processes(configs: Sequence[RunConfig], launcher: str) -> None:
    """Refuse jobs that are to run in the process of the command: a seat is none.

    Args:
        configs: of the jobs.
        launcher: what was typed.

    Raises:
        UsageError: there is one.
    """
    if any(config.isolation == "inline" for config in configs):
        raise UsageError(
            f"isolation=inline: runs in this process, and launcher={launcher} in others"
        )
