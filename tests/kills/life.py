"""A sweep's life: started and killed until that was often enough, ended, and looked at."""

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any, ClassVar

from tests.kills.findings import doubled, unfinished
from tests.kills.kept import Kept
from tests.kills.moments import PERIOD_S, Moment, Scene
from tests.kills.processes import FORK, Command
from tests.kills.shown import shown_wrongly, strangers


@dataclass(frozen=True)
class Shot:
    """What is sent to whom."""

    signal: Signals
    target: str


@dataclass
class Life(ABC):
    """A sweep in a folder of its own.

    Attributes:
        folder: the sweep's directory, and what its commands print.
        mlruns: MLflow's database and artifacts.
        draw: what is left to chance.
        kills: what was sent, to whom and when.
        faults: what was found wrong; the first one ends it.
        starts: commands that were started.
    """

    folder: Path
    mlruns: Path
    draw: random.Random
    kills: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    starts: int = 0

    all_jobs: ClassVar[int]
    """Jobs that there are in the end."""
    delay_s: ClassVar[float]
    """Mean time between a moment and what is sent, where it isn't sent at once."""
    hangs_s: ClassVar[float]
    """After which a command that hasn't ended never will."""

    def __post_init__(self) -> None:
        self.sweep = self.folder / "sweep"
        self.jobs = self.all_jobs
        self.experiment = f"kills-{self.folder.name}"
        self.kept = Kept(self.sweep)

    def live(self, kills: int) -> None:
        """Kill so often, then let the sweep end undisturbed, and look at everything."""
        try:
            while len(self.kills) < kills and not self.faults:
                self._start_and_kill(kills)
                if self._enough():
                    break
            self._to_its_end()
        finally:
            self._leave()
        if not self.faults:
            shown = (f"sqlite:///{self.mlruns}/mlflow.db", self.experiment)
            with ProcessPoolExecutor(1, mp_context=FORK) as apart:  # Connections survive no fork.
                self._note(apart.submit(_wrong, self.sweep, self.all_jobs, *shown).result())

    @property
    def destinations(self) -> tuple[str, ...]:
        """What its commands are told of directories, and of an experiment of its own."""
        shown = (f"paths.mlruns='{self.mlruns}'", f"tracking.experiment={self.experiment}")
        return (f"hydra.sweep.dir='{self.sweep}'", *shown)

    @property
    @abstractmethod
    def scene(self) -> Scene:
        """Where the files are that show how far the sweep is."""

    @property
    @abstractmethod
    def setting(self) -> dict[str, str]:
        """What its kills are counted by, beside targets and phases."""

    @abstractmethod
    def _command(self) -> Command:
        """The next one."""

    @abstractmethod
    def _shot(self, left: int) -> Shot:
        """What is sent next, where so many kills are left with it."""

    @abstractmethod
    def _moments(self, left: int) -> Sequence[Moment]:
        """When that is sent: one of them."""

    @abstractmethod
    def _hit(self, shot: Shot, command: Command) -> bool:
        """Send it; False if there was nobody."""

    @abstractmethod
    def _watch(self, shot: Shot, command: Command) -> None:
        """Note who outlives what was sent, though it should have ended."""

    @abstractmethod
    def _codes(self, hit: Collection[str]) -> Collection[int]:
        """What a command may leave with when those were hit; empty if any will do."""

    @abstractmethod
    def _enough(self) -> bool:
        """Whether there is nothing left to kill."""

    @abstractmethod
    def _leave(self) -> None:
        """End what was started for it."""

    def _started(self) -> Command:
        command = self._command()
        command.start()
        return command

    def _start_and_kill(self, kills: int) -> None:
        begun = time.time()
        command, hit = self._started(), set[str]()
        while command.running and (left := kills - len(self.kills)) > 0 and not self.faults:
            shot = self._shot(left)
            self._wait_for(self.draw.choice(self._moments(left)), command)
            time.sleep(self.draw.choice((0.0, self.draw.expovariate(1 / self.delay_s))))
            where = self.scene.phase(self.jobs, begun)
            if command.running and self._hit(shot, command):
                hit.add(shot.target)
                said = {"signal": shot.signal.name, "target": shot.target, "phase": where}
                self.kills.append(said | self.setting)
                self._watch(shot, command)
        self._ended(command, self._codes(hit))

    def _to_its_end(self) -> None:
        if not self.faults:
            self._ended(self._started(), (0,))

    def _ended(self, command: Command, codes: Collection[int]) -> None:
        """It ends, says so as it should, and has lost and doubled nothing."""
        if (code := command.wait(self.hangs_s)) is None:
            self._note([f"{command.output}: hangs"])
        elif codes and code not in codes:
            self._note([f"{command.output}: exit code {code}"])
        if any("Traceback" in line for line in command.said):
            self._note([f"{command.output}: a traceback"])
        self._clear(command)
        self._note(doubled(self.sweep))
        self._note(self.kept.lost())

    def _clear(self, command: Command) -> None:
        """Leave nothing behind of a command that has ended."""
        command.end()

    def _wait_for(self, moment: Moment, command: Command) -> None:
        until = time.monotonic() + self.hangs_s
        while command.running and not moment() and time.monotonic() < until:
            time.sleep(PERIOD_S)

    def _note(self, found: Iterable[str]) -> None:
        self.faults += found


def _wrong(sweep: Path, jobs: int, uri: str, experiment: str) -> list[str]:
    """All that is wrong with a sweep that has been run to its end."""
    shown = (sweep, uri, experiment)
    return [*unfinished(sweep, jobs), *shown_wrongly(*shown), *strangers(*shown)]
