"""One sweep's life on a cluster whose processes and nodes die, and which is mended in between."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kills.findings import doubled, shown_wrongly, unfinished
from tests.kills.moments import PERIOD_S, Moment, finished, job_moments, moments, phase
from tests.kills.node import Cluster, Node
from tests.kills.processes import FORK, Command

TARGETS = ("job", "job", "worker", "worker", "node", "node", "head", "driver", "driver", "driver")
JOBS = 24
LEFT_S = 30.0
"""How long a job may outlive the command on a node: Ray has to see that the command is gone."""
HANGS_S = 600.0

SETUP = (
    *("-m", "+experiment=smoke", "engine=noop", "fidelity.enabled=false", "threads=1,2"),
    *("workload.alpha=0,1,2", "repeat=0,1,2,3", "workload.iterations=40"),
    *("validity.min_utilisation=null", "validity.max_steal=null", "launcher=ray"),
)


@dataclass
class ClusterEpisode:
    """A sweep in a folder of its own, on a cluster of its own.

    Attributes:
        folder: the sweep's directory, the cluster's files, and what the commands print.
        mlruns: MLflow's database and artifacts.
        draw: what is left to chance.
        kills: what was killed and when.
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
        self.cluster = Cluster(self.folder / "ray", self.draw.choice((2, 4)))

    def live(self, kills: int) -> None:
        """Kill so often, then let the same command end undisturbed, and look at everything."""
        try:
            while len(self.kills) < kills and not self.faults:
                self._start_and_kill(kills)
                if finished(self.sweep) == JOBS:
                    break
            if not self.faults:
                self._to_its_end()
        finally:
            self.cluster.end()
        if not self.faults:
            self._note(unfinished(self.sweep, JOBS))
            with ProcessPoolExecutor(1, mp_context=FORK) as apart:
                uri = f"sqlite:///{self.mlruns}/mlflow.db"
                self._note(apart.submit(shown_wrongly, self.sweep, uri).result())

    def _start_and_kill(self, kills: int) -> None:
        command, target = self._started(), ""
        while command.running and target != "driver" and len(self.kills) < kills:
            moment = self.draw.choice(self._moments())
            target = self.draw.choice(TARGETS)
            _wait_for(moment, command)
            time.sleep(self.draw.choice((0.0, self.draw.expovariate(1.0))))
            where = phase(self.sweep, JOBS)
            if command.running and self._killed(target, command):
                said = {"signal": "SIGKILL", "target": target, "phase": where}
                self.kills.append(said | {"nodes": str(self.cluster.size)})
            else:
                target = ""
        if target == "driver":
            self._note(self._outlived())
            self._ended(command, (-signal.SIGKILL,))
        else:
            self._ended(command, (0, 1, *self._without_head()))

    def _moments(self) -> list[Moment]:
        """Of the next jobs, mostly: a sweep is to live through several kills."""
        left = JOBS - finished(self.sweep)
        return (moments if self.draw.random() < 0.1 else job_moments)(self.sweep, left)

    def _started(self) -> Command:
        self.cluster.restore()
        self.starts += 1
        own = (
            f"launcher.address=127.0.0.1:{self.cluster.port}",
            f"paths.mlruns={self.mlruns}",
            f"hydra.sweep.dir={self.sweep}",
        )
        command = Command((*SETUP, *own), self.folder / f"{self.starts}.log", warm=True)
        command.start()
        return command

    def _killed(self, target: str, command: Command) -> bool:
        """Whether there was anything of the kind to kill."""
        ways: dict[str, Callable[[], bool]] = {
            "job": lambda: self._one(Node.jobs),
            "worker": lambda: self._one(Node.workers),
            "node": lambda: self.draw.choice(self.cluster.nodes[1:]).kill(),
            "head": lambda: self.cluster.nodes[0].kill(),
            "driver": lambda: command.send(signal.SIGKILL, "parent"),
        }
        return ways[target]()

    def _one(self, kind: Callable[[Node], list[int]]) -> bool:
        pids = [pid for node in self.cluster.nodes for pid in kind(node)]
        with suppress(ProcessLookupError):
            if pids:
                os.kill(self.draw.choice(pids), signal.SIGKILL)
                return True
        return False

    def _without_head(self) -> tuple[int, ...]:
        """What the command may leave with when there is no cluster any more."""
        return () if self.cluster.nodes[0].alive else (2,)

    def _outlived(self) -> list[str]:
        """Processes of jobs that live on without the command."""
        until = time.monotonic() + LEFT_S
        while (left := self.cluster.busy()) and time.monotonic() < until:
            time.sleep(0.1)
        return [f"{left} live {LEFT_S:g} s after the command"] if left else []

    def _to_its_end(self) -> None:
        self._ended(self._started(), (0,))

    def _ended(self, command: Command, codes: Iterable[int]) -> None:
        """It ends, says so as it should, and has doubled nothing."""
        if (code := command.wait(HANGS_S)) is None:
            self._note([f"{command.output}: hangs"])
        elif code not in codes:
            self._note([f"{command.output}: exit code {code}"])
        if any("Traceback" in line for line in command.said):
            self._note([f"{command.output}: a traceback"])
        command.end()
        self._note(doubled(self.sweep))

    def _note(self, found: Iterable[str]) -> None:
        self.faults += found


def _wait_for(moment: Moment, command: Command) -> None:
    until = time.monotonic() + HANGS_S
    while command.running and not moment() and time.monotonic() < until:
        time.sleep(PERIOD_S)
