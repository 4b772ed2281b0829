"""`python -m pipeline.serve` in a process of its own, which can be made to fail."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.serve.faults.client import Address

ROOT = Path(__file__).parents[3]
READY_S, ENDS_S = 300, 60
SECRET = "a secret of the engine"
"""What its engine fails with, of which no client may learn."""


@dataclass(frozen=True)
class Process:
    """A server that runs.

    Attributes:
        process: its own.
        at: where it listens.
        output: a file of what it prints.
    """

    process: subprocess.Popen[bytes]
    at: Address
    output: Path

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(ENDS_S)

    def get(self, path: str) -> httpx2.Response:
        """An answer of its own, outside of any load."""
        return httpx2.get(f"http://{self.at.host}:{self.at.port}{path}", timeout=30)

    def status(self) -> dict[str, Any]:
        """What it tells its page."""
        return dict(self.get("/status").json())

    @property
    def files(self) -> int:
        """Open files and connections."""
        return psutil.Process(self.process.pid).num_fds()

    @property
    def megabytes(self) -> float:
        """Of memory in use."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20


@contextmanager
def started(folder: Path, *overrides: str) -> Iterator[Process]:
    """A server whose engine fails at SIGUSR1; it is killed where it hasn't ended by then.

    Args:
        folder: for what it prints.
        overrides: of its configuration.

    Raises:
        RuntimeError: it didn't start.
    """
    output = folder / f"server-{time.monotonic_ns()}.txt"
    command = [sys.executable, "-m", "tests.serve.faults.failing", "serve.port=0", *overrides]
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + READY_S
        while not (said := re.search(r"http://127.0.0.1:(\d+)/v1", output.read_text())):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server didn't start: {output.read_text()[-500:]}")
            time.sleep(0.1)
        yield Process(process, Address(int(said[1])), output)
    finally:
        process.kill()
        process.wait()
