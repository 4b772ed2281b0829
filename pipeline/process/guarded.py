"""A command of somebody else's in a process group of its own, which ends with us in any case.

Between us and the command stands a guard, a process of this project; see `pipeline.process.guard`.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from pipeline.process.guard import STARTED

GUARD_S = 30
"""Seconds beyond the command's own after which a guard that hasn't ended it is killed."""


class CannotStart(RuntimeError):
    """The command couldn't be started; the message says why, in a line."""


class GuardedCommand:
    """A command that runs, as a context manager: when the block ends, so has all that came of it.

    Attributes:
        guard: number of the guard's process, whose descendants are the command's.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: Path,
        environment: Mapping[str, str] | None = None,
        grace_s: float = 10,
    ) -> None:
        """Start it.

        Args:
            command: program and arguments.
            output: file for all that it writes.
            environment: what is added to ours.
            grace_s: seconds that it may take to end once it is told to.

        Raises:
            CannotStart: there is no such program, or it can't be run.
        """
        self._grace_s = grace_s
        task = json.dumps([list(command), str(output), {**(environment or {})}, grace_s])
        code = f"import sys; sys.path[:] = {sys.path!r}; from pipeline.process.guard import guard"
        self._guard = subprocess.Popen(
            [sys.executable, "-c", f"{code}; guard()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
            text=True,
        )
        self.guard = self._guard.pid
        assert self._guard.stdin and self._guard.stdout
        try:
            self._guard.stdin.write(f"{task}\n")
            self._guard.stdin.flush()
            said = self._guard.stdout.readline().strip()
        except BaseException:
            self.stop()
            raise
        if said != STARTED:
            self.stop()
            raise CannotStart(said or "its guard died")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def poll(self) -> int | None:
        """Exit code of the command, 128 and a signal's number as shells say; None while it runs."""
        return self._guard.poll()

    def stop(self) -> None:
        """Tell it to end (TERM), and end it after the time it was given (KILL)."""
        assert self._guard.stdin and self._guard.stdout
        with suppress(OSError):
            self._guard.stdin.close()
        try:
            with suppress(subprocess.TimeoutExpired):
                self._guard.wait(self._grace_s + GUARD_S)
        finally:
            self._guard.kill()
            self._guard.wait()
            self._guard.stdout.close()
