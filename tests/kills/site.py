"""What a cluster is to whoever kills it: processes that are to die, and daemons that come back."""

import os
import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import psutil

from tests.kills.processes import Command

DRIVER = "driver"
"""The command itself."""

JOB = "pipeline.process.child"
"""What the command line of a job's own process names."""

Way = Callable[[Command], bool]
"""Kills something of a command's; False if there was nothing of the kind."""


@dataclass
class Site(ABC):
    """A cluster on this machine.

    Attributes:
        folder: where it keeps its files.
        draw: what is left to chance.
        size: how many jobs it runs at a time.
    """

    folder: Path
    draw: random.Random
    size: int

    worker: ClassVar[str]
    """What the command line of a process names that takes orders, and starts a job's own."""
    targets: ClassVar[Sequence[str]]
    """What may be killed, the frequent more than once."""
    vital: ClassVar[str] = ""
    """The target without which there is no cluster: a command that begins then is refused."""
    left_s: ClassVar[float]
    """How long a job may outlive the command: others have to see that it is gone."""

    @classmethod
    @abstractmethod
    def drawn(cls, folder: Path, draw: random.Random) -> Self:
        """One of a size that is left to chance, which doesn't run yet."""

    @property
    @abstractmethod
    def overrides(self) -> tuple[str, ...]:
        """What a command is told that is to run its jobs there."""

    @abstractmethod
    def restore(self) -> None:
        """Start what is dead."""

    @abstractmethod
    def end(self) -> None:
        """End all of it."""

    @abstractmethod
    def processes(self, command: Command) -> list[psutil.Process]:
        """Those among which the command's jobs are."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What its commands and daemons find in theirs: jobs run in a folder of this cluster's."""
        return {"TMPDIR": str(self.away)}

    @property
    def away(self) -> Path:
        """The folder below which jobs run until they come back."""
        place = self.folder / "tmp"
        place.mkdir(parents=True, exist_ok=True)
        return place

    @property
    def ways(self) -> dict[str, Way]:
        """How each target is killed."""
        return {
            "job": lambda command: self._one(self.named(command, JOB)),
            "worker": lambda command: self._one(self.named(command, self.worker)),
            DRIVER: lambda command: command.send(signal.SIGKILL, "parent"),
        }

    def kill(self, target: str, command: Command) -> bool:
        """Kill one of those at once; False if there was none."""
        return self.ways[target](command)

    def busy(self, command: Command) -> list[int]:
        """Processes that take orders of the command's or run its jobs."""
        return [*self.named(command, JOB), *self.named(command, self.worker)]

    def named(self, command: Command, name: str) -> list[int]:
        """Processes of the command's whose command line has that in it."""
        return [each.pid for each in self.processes(command) if _is_named(each, name)]

    def _one(self, pids: Sequence[int]) -> bool:
        return bool(pids) and kill_at_once(self.draw.choice(pids))


def kill_at_once(pid: int) -> bool:
    """SIGKILL; False if the process is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def _is_named(process: psutil.Process, name: str) -> bool:
    try:
        return name in " ".join(process.cmdline())
    except psutil.Error:
        return False
