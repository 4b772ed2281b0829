"""What a launcher is: places in which jobs run, one after another in each."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from pipeline.config.run_config import RunConfig
from pipeline.launch.job import Job
from pipeline.tracking.status import Status

Attempt = Callable[[Job, str, int], Status]
"""Runs a job whose directory is held, by the job, its id and the lock; how it ended.

All that comes of the job is in its directory then, `status.json` last, whatever has died meanwhile.
"""


def _unheard(_: str) -> None:
    """Nobody listens."""


class PlaceLost(RuntimeError):
    """The machine of a place is gone; raised before the next job there has begun."""


class Workplace(ABC):
    """Where jobs run, on one machine, in turn.

    Attributes:
        name: of the machine, as far as it is known.
        tell: called with the reason while a job that was sent there hasn't begun, and with nothing
            once it has; by the thread that sent it.
    """

    name: str
    tell: Callable[[str], None] = staticmethod(_unheard)

    @abstractmethod
    def attempt(self, job: Job, id_: str, lock: int) -> Status:
        """An `Attempt`.

        Raises:
            PlaceLost: the place is gone; nothing was begun.
        """


class Launcher(ABC):
    """Where a sweep's jobs run; chosen by `launcher=`, a part of the call and of no run.

    Attributes:
        cpus: processors of a machine that it gives a job, whichever they are; None for all.
    """

    cpus: int | None = None

    @abstractmethod
    def check(self, configs: Sequence[RunConfig]) -> None:
        """See that jobs of these configurations can be run, before anything is started.

        Raises:
            UsageError: they can't; says what to install, to start or to give instead.
        """

    @property
    @abstractmethod
    def places(self) -> int:
        """How many there are: as many blocks run at a time."""

    @abstractmethod
    def place(self) -> AbstractContextManager[Workplace]:
        """A place on one machine, for a block of jobs or several."""

    @abstractmethod
    def stop(self) -> None:
        """End what runs in the places, which other threads wait for."""
