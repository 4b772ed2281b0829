"""One sweep's life: started, killed, extended, started twice at once, repeated, and looked at."""

import random
import signal
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.process.signals import LAST_S
from tests.kills.findings import doubled, shown_wrongly, unfinished
from tests.kills.moments import PERIOD_S, finished, moments, phase
from tests.kills.processes import FORK, Command

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL)
TARGETS = ("parent", "parent", "child", "both")
FEW, ALL = 4, 6
"""Jobs before and after the sweep has grown."""
KILLED_S = 2.0
"""How long anything may outlive its killed parent."""
HANGS_S = 400.0
COLD = 0.1
"""Share of the commands that are started as a user does it; the others need no imports."""

SETUP = (
    *("-m", "+experiment=smoke", "workload.iterations=40", "threads=1", "fidelity.enabled=false"),
    *("validity.min_utilisation=null", "validity.max_steal=null", "repeat=0,1"),
)


@dataclass
class Episode:
    """A sweep in a folder of its own.

    Attributes:
        folder: the sweep's directory, and what its commands print.
        mlruns: MLflow's database and artifacts.
        draw: what is left to chance.
        kills: what was sent, to whom and when.
        faults: what was found wrong; the first one ends the episode.
    """

    folder: Path
    mlruns: Path
    draw: random.Random
    kills: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    starts: int = 0

    def __post_init__(self) -> None:
        self.sweep = self.folder / "sweep"
        self.engine = self.draw.choice(("noop", "noop", "noop", "multilora"))
        self.jobs = self.draw.choice((FEW, ALL))

    def live(self, kills: int) -> None:
        """Kill it so often, then let it end, perhaps once more, and look at everything.

        Where all has been run, a kill or two in the comparison are enough.
        """
        while len(self.kills) < kills and not self.faults:
            self._start_and_kill(kills)
            if finished(self.sweep) == ALL and self.draw.random() < 0.7:
                break
            if self.draw.random() < 0.4:
                self.jobs = ALL
        self.jobs = ALL
        for _ in range(self.draw.choice((1, 1, 2))):
            if not self.faults:
                self._to_its_end()
        if not self.faults:
            self._note(unfinished(self.sweep, ALL))
            with ProcessPoolExecutor(
                1, mp_context=FORK
            ) as apart:  # Connections don't survive forks.
                uri = f"sqlite:///{self.mlruns}/mlflow.db"
                self._note(apart.submit(shown_wrongly, self.sweep, uri).result())

    def _start_and_kill(self, kills: int) -> None:
        command = self._started()
        while command.running and len(self.kills) < kills and not self.faults:
            number, target = self.draw.choice(SIGNALS), self.draw.choice(TARGETS)
            moment = self.draw.choice(moments(self.sweep, self.jobs - finished(self.sweep)))
            _wait_for(moment, command)
            time.sleep(self.draw.choice((0.0, self.draw.expovariate(2.0))))
            where = phase(self.sweep, self.jobs)
            if command.running and command.send(number, target):
                said = {"signal": number.name, "target": target, "phase": where}
                self.kills.append(said | {"engine": self.engine})
                if target != "child":
                    self._watch(command, number, target)
        self._wait(command)
        self._note(doubled(self.sweep))

    def _command(self) -> Command:
        alphas = "0,1,2" if self.jobs == ALL else "0,1"
        self.starts += 1
        own = (f"engine={self.engine}", f"paths.mlruns={self.mlruns}", f"workload.alpha={alphas}")
        where = f"hydra.sweep.dir={self.sweep}"
        return Command(
            (*SETUP, *own, where), self.folder / f"{self.starts}.log", self.draw.random() > COLD
        )

    def _started(self) -> Command:
        """The command that works in the directory; one started together with it is refused.

        Unless it was patient enough to see the other end, with all jobs done.
        """
        command = self._command()
        command.start()
        if self.draw.random() > 0.2:
            return command
        other = self._command()
        other.start()
        _wait_for(lambda: not other.running, command)
        refused, works = (command, other) if other.running else (other, command)
        code, said = refused.wait(), (refused.said or [""])
        done = code == 0 and finished(self.sweep) >= self.jobs
        if not done and (code != 2 or len(said) > 1 or "works there" not in said[0]):
            self._note([f"{refused.output}: exit code {code} beside another one"])
        self.kills.append({"signal": "none", "target": "twice", "phase": "", "engine": self.engine})
        return works

    def _watch(self, command: Command, number: signal.Signals, target: str) -> None:
        """Nobody outlives what should have ended, which leaves as it was told to."""
        allowed = KILLED_S if number == signal.SIGKILL else LAST_S + 1
        if left := command.left_after(allowed):
            self._note([f"{command.output}: {left} live {allowed:g} s after {number.name}"])
        elif (code := command.wait()) not in (-number, 0, 1):
            self._note([f"{command.output}: exit code {code} after {number.name} to {target}"])
        if any("Traceback" in line for line in command.said):
            self._note([f"{command.output}: a traceback after {number.name} to {target}"])

    def _wait(self, command: Command) -> None:
        if command.wait(HANGS_S) is None:
            self._note([f"{command.output}: hangs"])
        command.end()

    def _to_its_end(self) -> None:
        command = self._command()
        command.start()
        self._wait(command)
        if code := command.wait():
            self._note([f"{command.output}: exit code {code}, undisturbed"])
        self._note(doubled(self.sweep))

    def _note(self, found: Iterable[str]) -> None:
        self.faults += found


def _wait_for(moment: Any, command: Command) -> None:
    until = time.monotonic() + HANGS_S
    while command.running and not moment() and time.monotonic() < until:
        time.sleep(PERIOD_S)
