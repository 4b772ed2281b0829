"""A command in a session of its own, and whoever descends from it."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil

FORK = multiprocessing.get_context("fork")
ROOT = Path(__file__).parents[2]
MARK = "PIPELINE_KILLS"
"""Variable in the environment by which descendants are known, whoever adopts them."""


@dataclass
class Command:
    """`python -m pipeline` in a session of its own, its output in a file.

    Attributes:
        arguments: of the command.
        output: where it prints to.
        warm: forked from this process, which has imported everything, instead of started cold.
        environment: what it finds in its own beside what this process has.
        mark: by which its descendants are known.
    """

    arguments: Sequence[str]
    output: Path
    warm: bool
    environment: Mapping[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid4().hex)

    def start(self) -> None:
        """Start it as the leader of a process group."""
        self._process = FORK.Process(target=self._run)
        self._process.start()

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        self._process.join(seconds)
        return self._process.exitcode

    @property
    def running(self) -> bool:
        """Whether the command itself is alive."""
        return self._process.is_alive()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid
        return self._process.pid

    def _run(self) -> None:
        os.setsid()
        os.environ |= {**self.environment, MARK: self.mark, "OMP_NUM_THREADS": "1"}
        file = os.open(self.output, os.O_WRONLY | os.O_CREAT, 0o666)
        for stream in (1, 2):
            os.dup2(file, stream)
        os.chdir(ROOT)
        for each in (signal.SIGTERM, signal.SIGHUP):  # As `nohup` may have left them.
            signal.signal(each, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        command = [sys.executable, "-m", "pipeline", *self.arguments]
        if not self.warm:
            os.execv(sys.executable, command)
        import pipeline.__main__ as entry

        sys.argv = command[2:]
        entry.command(entry.main)

    @property
    def said(self) -> list[str]:
        """What it printed, by lines."""
        return self.output.read_text(errors="replace").splitlines()

    def family(self) -> list[int]:
        """Living processes of the command's, itself among them."""
        found = {each.pid for each in marked(self.mark)}
        return sorted(found | ({self.pid} if self.running else set()))

    def children(self) -> list[int]:
        """Processes that run a job, or that one started."""
        return [pid for pid in self.family() if pid != self.pid]

    def send(self, number: signal.Signals, target: str) -> bool:
        """Send a signal to the parent, a child or all of them; False if there was nobody."""
        try:
            if target == "both":
                os.killpg(self.pid, number)
            else:
                pids = [self.pid] if target == "parent" else self.children()[:1]
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
            self._process.join(0)
            time.sleep(0.05)
        return left

    def end(self) -> None:
        """Leave nothing behind, whatever was found."""
        for pid in self.family():
            os.kill(pid, signal.SIGKILL)
        self._process.join()


def marked(mark: str) -> list[psutil.Process]:
    """Living processes that were started with this mark, or by one that was."""
    return [each for each in psutil.process_iter() if _bears(each, mark)]


def _bears(process: psutil.Process, mark: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get(MARK) == mark
    except psutil.Error:
        return False
