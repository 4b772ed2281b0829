"""A Ray cluster on loopback: nodes of a processor each, which die whole and come back."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil

from tests.kills.processes import MARK, ROOT, marked

STARTS_S = 300.0
STORE = 80 * 2**20
"""Bytes of a node's object store: a parcel is a few kilobytes."""
JOB = "pipeline.process.child"
"""What the command line of a job's own process names."""
WORKER = "ray::Workbench"
"""What the process is called that takes orders on a node."""


@dataclass
class Node:
    """What `ray start` starts, and whoever descends from it.

    Attributes:
        folder: where the node keeps its files; its path is short, for sockets are in it.
        port: of the cluster's head.
        head: whether it is the head.
        mark: by which its processes are known; empty before the start.
    """

    folder: Path
    port: int
    head: bool
    mark: str = ""

    def start(self) -> None:
        """Start it anew, and wait until it belongs to the cluster."""
        self.mark = uuid4().hex
        role = (
            (
                "--head",
                f"--port={self.port}",
                "--include-dashboard=false",
                f"--temp-dir={self.folder}",
            )
            if self.head
            else (f"--address=127.0.0.1:{self.port}",)
        )
        own = ("--num-cpus=1", f"--object-store-memory={STORE}", "--disable-usage-stats")
        where = "--node-ip-address=127.0.0.1"
        command = (sys.executable, "-m", "ray.scripts.scripts", "start", *role, *own, where)
        said = subprocess.run(
            command,
            env={**os.environ, MARK: self.mark, "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STARTS_S,
        )
        if said.returncode:
            raise RuntimeError(f"{' '.join(command)}: {said.stdout}{said.stderr}")

    @property
    def alive(self) -> bool:
        """Whether its raylet lives, without which it is no node."""
        return any("raylet" in each.name() for each in self._processes())

    def workers(self) -> list[int]:
        """The process that takes orders there, if there is one."""
        return [each.pid for each in self._processes() if _named(each, WORKER)]

    def jobs(self) -> list[int]:
        """The process of the job that runs there, if there is one."""
        return [each.pid for each in self._processes() if _named(each, JOB)]

    def kill(self) -> bool:
        """End all of it at once; False if it was dead."""
        found = self._processes()
        for each in found:
            _kill(each.pid)
        until = time.monotonic() + 10
        while self._processes() and time.monotonic() < until:
            time.sleep(0.02)
        return bool(found)

    def _processes(self) -> list[psutil.Process]:
        return marked(self.mark) if self.mark else []


@dataclass
class Cluster:
    """A head and other nodes.

    Attributes:
        folder: for their files.
        size: how many nodes there are, the head among them.
    """

    folder: Path
    size: int
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.nodes = [Node(self.folder, self.port, not number) for number in range(self.size)]

    def restore(self) -> None:
        """Start what is dead; without the head nothing else is a cluster."""
        if not self.nodes[0].alive:
            self.end()
        for node in self.nodes:
            if not node.alive:
                node.kill()
                node.start()

    def busy(self) -> list[int]:
        """Processes that take orders or run jobs, on all nodes."""
        return [pid for node in self.nodes for pid in (*node.workers(), *node.jobs())]

    def end(self) -> None:
        """End all nodes."""
        for node in reversed(self.nodes):
            node.kill()


def _named(process: psutil.Process, name: str) -> bool:
    try:
        return name in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
