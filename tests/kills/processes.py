"""A command in a session of its own, and whoever descends from it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil

ROOT = Path(__file__).parents[2]
MARK = "PIPELINE_KILLS"
"""Variable in the environment by which descendants are known, whoever adopts them."""


@dataclass
class Command:
    """`python -m pipeline`, running; its output goes into a file."""

    arguments: Sequence[str]
    output: Path
    mark: str = field(default_factory=lambda: uuid4().hex)

    def start(self) -> None:
        """Start it as the leader of a process group."""
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", *self.arguments],
                cwd=ROOT,
                env=os.environ | {MARK: self.mark, "OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the command itself is alive."""
        return self.process.poll() is None

    @property
    def said(self) -> list[str]:
        """What it printed, by lines."""
        return self.output.read_text(errors="replace").splitlines()

    def family(self) -> list[int]:
        """Living processes of the command's, itself among them."""
        return [each.pid for each in psutil.process_iter() if self._ours(each)]

    def children(self) -> list[int]:
        """Processes that run a job, or that one started."""
        return [pid for pid in self.family() if pid != self.process.pid]

    def send(self, number: signal.Signals, target: str) -> bool:
        """Send a signal to the parent, a child or all of them; False if there was nobody."""
        try:
            if target == "both":
                os.killpg(self.process.pid, number)
            else:
                pids = [self.process.pid] if target == "parent" else self.children()[:1]
                for pid in pids:
                    os.kill(pid, number)
                return bool(pids)
        except ProcessLookupError:
            return False
        return True

    def left_after(self, seconds: float) -> list[int]:
        """Processes that still live when so much time has passed; at once when none does."""
        until = time.monotonic() + seconds
        while (left := self.family()) and time.monotonic() < until:
            self.process.poll()
            time.sleep(0.05)
        return left

    def end(self) -> None:
        """Leave nothing behind, whatever was found."""
        for pid in self.family():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def _ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return process.environ().get(MARK) == self.mark
        except psutil.Error:
            return False
