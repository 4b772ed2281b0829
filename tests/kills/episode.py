"""One sweep's life on one machine: killed, extended, started twice at once, and repeated."""

import signal
from collections.abc import Collection, Sequence

from pipeline.process.signals import LAST_S
from tests.kills.life import Life, Shot
from tests.kills.moments import Moment, Scene
from tests.kills.processes import Command

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL)
TARGETS = ("parent", "parent", "child", "both")
FEW, ALL = 4, 6
"""Jobs before and after the sweep has grown."""
KILLED_S = 2.0
"""How long anything may outlive its killed parent."""
COLD = 0.1
"""Share of the commands that are started as a user does it; the others need no imports."""

SETUP = (
    *("-m", "+experiment=smoke", "workload.iterations=40", "threads=1", "fidelity.enabled=false"),
    *("validity.min_utilisation=null", "validity.max_steal=null", "repeat=0,1"),
)


class Episode(Life):
    """A sweep whose parent, child or both are told to end, or killed."""

    all_jobs, delay_s, hangs_s = ALL, 0.5, 400.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.engine = self.draw.choice(("noop", "noop", "noop", "multilora"))
        self.jobs = self.draw.choice((FEW, ALL))

    @property
    def scene(self) -> Scene:
        """The sweep's directory, in which its jobs run."""
        return Scene(self.sweep)

    @property
    def setting(self) -> dict[str, str]:
        """The engine that its jobs have."""
        return {"engine": self.engine}

    def _command(self) -> Command:
        alphas = "0,1,2" if self.jobs == ALL else "0,1"
        self.starts += 1
        own = (f"engine={self.engine}", f"workload.alpha={alphas}", *self.destinations)
        warm = self.draw.random() > COLD
        return Command((*SETUP, *own), self.folder / f"{self.starts}.log", warm)

    def _started(self) -> Command:
        """The command that works in the directory; one started together with it is refused.

        Unless it was patient enough to see the other end, with all jobs done.
        """
        command = super()._started()
        if self.draw.random() > 0.2:
            return command
        other = super()._started()
        self._wait_for(lambda: not other.running, command)
        refused, works = (command, other) if other.running else (other, command)
        code, said = refused.wait(), (refused.said or [""])
        done = code == 0 and self.scene.finished() >= self.jobs
        if not done and (code != 2 or len(said) > 1 or "works there" not in said[0]):
            self._note([f"{refused.output}: exit code {code} beside another one"])
        self.kills.append({"signal": "none", "target": "twice", "phase": "", **self.setting})
        return works

    def _shot(self, left: int) -> Shot:
        return Shot(self.draw.choice(SIGNALS), self.draw.choice(TARGETS))

    def _moments(self, left: int) -> Sequence[Moment]:
        return self.scene.moments(self.jobs - self.scene.finished())

    def _hit(self, shot: Shot, command: Command) -> bool:
        return command.send(shot.signal, shot.target)

    def _watch(self, shot: Shot, command: Command) -> None:
        """Nobody outlives what should have ended, which leaves as it was told to."""
        if shot.target == "child":
            return
        allowed = KILLED_S if shot.signal == signal.SIGKILL else LAST_S + 1
        if left := command.left_after(allowed):
            self._note([f"{command.output}: {left} live {allowed:g} s after {shot.signal.name}"])
        elif (code := command.wait()) not in (-shot.signal, 0, 1):
            self._note([f"{command.output}: exit code {code} after {shot}"])

    def _codes(self, hit: Collection[str]) -> Collection[int]:
        return ()

    def _enough(self) -> bool:
        """Where all has been run, a kill or two in the comparison are enough."""
        if self.scene.finished() == ALL and self.draw.random() < 0.7:
            return True
        if self.draw.random() < 0.4:
            self.jobs = ALL
        return False

    def _leave(self) -> None:
        """Nothing runs beside the commands."""

    def _to_its_end(self) -> None:
        """With all jobs, perhaps once more, and with nobody beside it."""
        self.jobs = ALL
        for _ in range(self.draw.choice((1, 1, 2))):
            if not self.faults:
                command = self._command()
                command.start()
                self._ended(command, (0,))
