"""SLURM itself on this machine, as Debian has it: a controller and one node, for a cluster."""

import getpass
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from pipeline.machine.free_port import free_port
from tests.kills.daemon import Daemon
from tests.kills.processes import Command, marked
from tests.kills.site import Way, kill_at_once
from tests.kills.submitted_site import SubmittedSite

INSTALL = "apt-get install slurm-wlm"
SBIN = "/usr/sbin"
"""Where Debian has daemons, which isn't on everybody's path."""
STARTS_S = 300.0
SILENT_S = 30
"""After which the controller takes a node that doesn't answer for dead."""
READY = ("idle", "mixed", "allocated")
"""States of a node that takes jobs, at once or when others have ended."""
HOST = socket.gethostname().partition(".")[0]
AWAY_S = SILENT_S + 20.0
"""How long a daemon is away that doesn't come back at once."""

CONFIGURATION = """
ClusterName=kills
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SlurmdTimeout={silent}
MpiDefault=none
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@dataclass
class SlurmSite(SubmittedSite):
    """As many places as this machine has processors, up to two."""

    targets = (*("job", "worker", "driver") * 2, "node", "controller")
    vital = "controller"

    def __post_init__(self) -> None:
        self.path = f"{os.environ['PATH']}:{SBIN}"
        if missing := [each for each in ("slurmctld", "slurmd") if self._program(each) is None]:
            raise SystemExit(f"no {', '.join(missing)} here: {INSTALL}")
        self.controller = self._daemon("slurmctld")
        self.node = self._daemon("slurmd")

    @classmethod
    def drawn(cls, folder: Path, draw: random.Random) -> Self:
        """One of this machine."""
        return cls(folder, draw, min(2, os.cpu_count() or 1))

    @property
    def overrides(self) -> tuple[str, ...]:
        """The launcher, a processor a job, and the folder through which jobs are sent."""
        own = (f"launcher.nodes={self.size}", f"launcher.folder='{self.folder}/sent'")
        return ("launcher=slurm", "launcher.cpus=1", *own)

    @property
    def environment(self) -> Mapping[str, str]:
        """Where SLURM's commands find this cluster."""
        own = {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": self.path}
        return {**super().environment, **own}

    @property
    def ways(self) -> dict[str, Way]:
        """The node dies with all that runs there, the controller alone; both come back."""
        daemons: dict[str, Way] = {
            "node": self._kill_node,
            "controller": lambda _: self._killed_for_a_while(self.controller),
        }
        return super().ways | daemons

    def restore(self) -> None:
        """Start what is dead, and wait until the node takes jobs."""
        if not (self.folder / "slurm.conf").exists():
            self._configure()
        for daemon in (self.controller, self.node):
            if not daemon.alive:
                daemon.kill()
                daemon.start()
        self._wait_for_the_node()

    def end(self) -> None:
        """End both, and what they run."""
        for daemon in (self.node, self.controller):
            daemon.kill()

    def _kill_node(self, command: Command) -> bool:
        for pid in self.busy(command):
            kill_at_once(pid)
        return self._killed_for_a_while(self.node)

    def _killed_for_a_while(self, daemon: Daemon) -> bool:
        was = daemon.kill()
        time.sleep(self.draw.choice((0.0, AWAY_S)))
        daemon.start()
        self._wait_for_the_node()
        return was

    def _wait_for_the_node(self) -> None:
        """As soon as it takes jobs, which an operator may have to see to.

        A controller that died before it had written down that a job began finds it begun twice
        when it is back, and drains the node.
        """
        until = time.monotonic() + STARTS_S
        while (said := self._says("sinfo", "-h", "-o", "%T")) not in READY:
            if time.monotonic() > until:
                raise RuntimeError(f"{self.folder}: the node doesn't come back: {said}")
            if said.startswith("drain"):
                self._says("scontrol", "update", f"nodename={HOST}", "state=resume")
            time.sleep(0.2)

    def processes(self, command: Command) -> list[psutil.Process]:
        """What the command submitted: SLURM hands its environment on."""
        return marked(command.mark)

    def _configure(self) -> None:
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        ports = (free_port(), free_port())
        text = CONFIGURATION.format(
            host=HOST,
            user=getpass.getuser(),
            cpus=os.cpu_count(),
            folder=self.folder,
            ports=ports,
            silent=SILENT_S,
        )
        (self.folder / "slurm.conf").write_text(text)

    def _daemon(self, name: str) -> Daemon:
        command = (str(self._program(name)), "-D", "-f", str(self.folder / "slurm.conf"))
        return Daemon(command, self.folder / f"{name}.log", self.environment)

    def _program(self, name: str) -> str | None:
        return shutil.which(name, path=self.path)

    def _says(self, *command: str) -> str:
        environment = {**os.environ, **self.environment}
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return (said.stdout or said.stderr).strip()
