"""A process that runs until it is killed, and whoever descends from it."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.kills.processes import MARK, marked
from tests.kills.site import kill_at_once


@dataclass
class Daemon:
    """One that stays in the foreground of its own session.

    Attributes:
        command: what starts it.
        log: where it prints to.
        environment: what it finds in its own.
        mark: by which its processes are known; empty before the start.
    """

    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    mark: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it anew."""
        self.mark = uuid4().hex
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment, MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether the process itself lives."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> bool:
        """End it and its descendants at once; False if it was dead."""
        was = self.alive
        until = time.monotonic() + 10
        while (left := marked(self.mark) if self.mark else []) and time.monotonic() < until:
            for each in left:
                kill_at_once(each.pid)
            time.sleep(0.02)
        if self.process:
            self.process.wait()
        return was
