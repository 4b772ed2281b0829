"""One sweep's life on a cluster whose processes and nodes die, and which is mended in between."""

import signal
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.kills.life import Life, Shot
from tests.kills.moments import Moment, Scene
from tests.kills.processes import Command
from tests.kills.site import DRIVER, Site
from tests.kills.submitted_site import SubmittedSite

SETUP = (
    *("-m", "+experiment=smoke", "engine=noop", "fidelity.enabled=false", "threads=1,2"),
    *("workload.alpha=0,1,2", "repeat=0,1,2,3", "workload.iterations=40"),
    *("validity.min_utilisation=null", "validity.max_steal=null"),
)
OTHERWISE = 0.1
"""Share of the moments that are of the sweep, not of its next jobs: it is to live long."""


@dataclass
class ClusterEpisode(Life):
    """A sweep of 24 jobs on a cluster of its own; what is killed there is killed at once."""

    all_jobs, delay_s, hangs_s = 24, 1.0, 600.0
    kind: type[Site] = SubmittedSite
    """What its cluster is one of."""

    @cached_property
    def site(self) -> Site:
        """Its cluster."""
        return self.kind.drawn(self.folder / "site", self.draw)

    @property
    def scene(self) -> Scene:
        """The sweep's directory, and where its jobs run."""
        return Scene(self.sweep, self.site.away)

    @property
    def setting(self) -> dict[str, str]:
        """How many jobs its cluster runs at a time."""
        return {"places": str(self.site.size)}

    def _command(self) -> Command:
        self.site.restore()
        self.starts += 1
        own = (f"paths.mlruns={self.mlruns}", f"hydra.sweep.dir={self.sweep}")
        output = self.folder / f"{self.starts}.log"
        arguments = (*SETUP, *self.site.overrides, *own)
        return Command(arguments, output, warm=True, environment=self.site.environment)

    def _shot(self) -> Shot:
        return Shot(signal.SIGKILL, self.draw.choice(self.site.targets))

    def _moments(self) -> Sequence[Moment]:
        left = self.all_jobs - self.scene.finished()
        if self.draw.random() < OTHERWISE:
            return self.scene.moments(left)
        return self.scene.job_moments(left)

    def _hit(self, shot: Shot, command: Command) -> bool:
        return self.site.kill(shot.target, command)

    def _watch(self, shot: Shot, command: Command) -> None:
        """No job outlives the command for long."""
        if shot.target != DRIVER:
            return
        until = time.monotonic() + self.site.left_s
        while (left := self.site.busy(command)) and time.monotonic() < until:
            time.sleep(0.1)
        if left:
            self._note([f"{left} live {self.site.left_s:g} s after {command.output}"])

    def _codes(self, hit: Collection[str]) -> Collection[int]:
        if DRIVER in hit:
            return (-signal.SIGKILL,)
        return (0, 1, 2) if self.site.vital in hit else (0, 1)

    def _enough(self) -> bool:
        return self.scene.finished() == self.all_jobs

    def _leave(self) -> None:
        self.site.end()
