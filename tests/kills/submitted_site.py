"""Processes that submitit starts on this machine, without SLURM."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import psutil

from pipeline.process.pulse import LOST_S
from tests.kills.processes import Command, marked
from tests.kills.site import Site


@dataclass
class SubmittedSite(Site):
    """Nothing that has to run beforehand, and no nodes."""

    worker = "submitit.core._submit"
    targets: ClassVar[Sequence[str]] = ("job", "worker", "driver")
    left_s = LOST_S + 60

    @classmethod
    def drawn(cls, folder: Path, draw: random.Random) -> Self:
        """One that runs two jobs at a time."""
        return cls(folder, draw, 2)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The launcher, its executor, and the folder through which jobs are sent."""
        own = (f"launcher.nodes={self.size}", f"launcher.folder='{self.folder}/sent'")
        return ("launcher=slurm", "launcher.executor=local", *own)

    def restore(self) -> None:
        """Nothing can be dead."""

    def end(self) -> None:
        """Nothing runs beside the commands."""

    def processes(self, command: Command) -> list[psutil.Process]:
        """Whatever descends from the command."""
        return marked(command.mark)
