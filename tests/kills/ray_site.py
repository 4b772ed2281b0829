"""A Ray cluster on loopback: nodes of a processor each, which die whole and come back."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

import psutil

from pipeline.machine.free_port import free_port
from tests.kills.processes import MARK, ROOT, Command, marked
from tests.kills.site import Site, Way, kill_at_once

STARTS_S = 600.0
STORE = 80 * 2**20
"""Bytes of a node's object store: a parcel is a few kilobytes."""


@dataclass
class Node:
    """What `ray start` starts, and whoever descends from it.

    Attributes:
        folder: where the node keeps its files; its path is short, for sockets are in it.
        port: of the cluster's head.
        head: whether it is the head.
        environment: what its processes find in theirs.
        mark: by which its processes are known; empty before the start.
    """

    folder: Path
    port: int
    head: bool
    environment: Mapping[str, str]
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
            env={**os.environ, **self.environment, MARK: self.mark, "OMP_NUM_THREADS": "1"},
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
        return any("raylet" in each.name() for each in self.processes())

    def kill(self) -> bool:
        """End all of it at once; False if it was dead."""
        found = self.processes()
        for each in found:
            kill_at_once(each.pid)
        until = time.monotonic() + 10
        while self.processes() and time.monotonic() < until:
            time.sleep(0.02)
        return bool(found)

    def processes(self) -> list[psutil.Process]:
        """All of it that lives."""
        return marked(self.mark) if self.mark else []


@dataclass
class RaySite(Site):
    """A head and other nodes, one job each."""

    worker = "ray::Workbench"
    targets = (*("job", "worker", "node") * 2, "head", *("driver",) * 3)
    vital = "head"
    left_s = 30.0

    def __post_init__(self) -> None:
        self.port = free_port()
        own = (self.folder, self.port)
        self.nodes = [Node(*own, not number, self.environment) for number in range(self.size)]

    @classmethod
    def drawn(cls, folder: Path, draw: random.Random) -> Self:
        """One of two nodes or of four, the head among them."""
        return cls(folder, draw, draw.choice((2, 4)))

    @property
    def overrides(self) -> tuple[str, ...]:
        """The launcher, and where the head is."""
        return ("launcher=ray", f"launcher.address=127.0.0.1:{self.port}")

    @property
    def ways(self) -> dict[str, Way]:
        """Nodes die whole."""
        nodes: dict[str, Way] = {
            "node": lambda _: self.draw.choice(self.nodes[1:]).kill(),
            "head": lambda _: self.nodes[0].kill(),
        }
        return super().ways | nodes

    def restore(self) -> None:
        """Start what is dead; without the head nothing else is a cluster."""
        if not self.nodes[0].alive:
            self.end()
        for node in self.nodes:
            if not node.alive:
                node.kill()
                node.start()

    def end(self) -> None:
        """End all nodes."""
        for node in reversed(self.nodes):
            node.kill()

    def processes(self, command: Command) -> list[psutil.Process]:
        """Those of all nodes: one command at a time has work there."""
        return [each for node in self.nodes for each in node.processes()]
