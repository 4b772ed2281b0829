"""One sweep's life on a cluster whose processes and nodes die, and which is mended in between."""

import signal
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tests.kills.life import Life, Shot
from tests.kills.moments import Moment, Scene, soon
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
AT_ONCE = 0.5
"""Share of the killed commands whose jobs are left to themselves while the next command begins."""


@dataclass
class ClusterEpisode(Life):
    """A sweep of 24 jobs on a cluster of its own; what is killed there is killed at once.

    The last of its kills meets the command when all jobs have had their turn.
    """

    all_jobs, delay_s, hangs_s = 24, 1.0, 600.0
    kind: type[Site] = SubmittedSite
    """What its cluster is one of."""
    orphaned: list[Command] = field(default_factory=list)
    """Killed commands whose jobs may still live."""

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
        output = self.folder / f"{self.starts}.log"
        arguments = (*SETUP, *self.site.overrides, *self.destinations)
        return Command(arguments, output, warm=True, environment=self.site.environment)

    def _shot(self, left: int) -> Shot:
        targets = self.site.targets if left > 1 else (DRIVER,)
        return Shot(signal.SIGKILL, self.draw.choice(targets))

    def _moments(self, left: int) -> Sequence[Moment]:
        if left == 1:
            return self.scene.last_moments()
        jobs = self.all_jobs - self.scene.finished()
        whole = self.draw.random() < OTHERWISE
        moments = self.scene.moments(jobs) if whole else self.scene.job_moments(jobs)
        return [soon(each) for each in moments]

    def _hit(self, shot: Shot, command: Command) -> bool:
        return self.site.kill(shot.target, command)

    def _watch(self, shot: Shot, command: Command) -> None:
        """No job outlives the command for long; the next one may begin before they have ended."""
        if shot.target == DRIVER:
            self.orphaned.append(command)
            if self.draw.random() > AT_ONCE:
                self._see_orphans_end()

    def _see_orphans_end(self) -> None:
        until = time.monotonic() + self.site.left_s
        for command in self.orphaned:
            while (left := self.site.busy(command)) and time.monotonic() < until:
                time.sleep(0.1)
            if left:
                self._note([f"{left} live {self.site.left_s:g} s after {command.output}"])
            command.end()
        self.orphaned.clear()

    def _clear(self, command: Command) -> None:
        if command not in self.orphaned:
            command.end()
            self._see_orphans_end()

    def _codes(self, hit: Collection[str]) -> Collection[int]:
        if DRIVER in hit:
            return (-signal.SIGKILL,)
        return (0, 1, 2) if self.site.vital in hit else (0, 1)

    def _enough(self) -> bool:
        return self.scene.finished() == self.all_jobs

    def _leave(self) -> None:
        self.site.end()
