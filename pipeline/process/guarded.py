"""A command of somebody else's in a process group of its own, which ends with us in any case.

Between us and the command stands a guard, a process of this project: whatever becomes of us, it
ends the command and all that came of it, and takes in those that left their group or lost their
parent.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Self

import psutil

from pipeline.process.prctl import CHILD_SUBREAPER, DEATH_SIGNAL, prctl

OUR_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
"""The guard is told to stop by its parent alone."""
KILLED_S = 5
"""Seconds in which a process that was killed must be gone: its memory is freed meanwhile."""
STARTED_S = 30
"""Seconds in which the guard, which imports little, must have started the command."""


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
        code = f"import sys; sys.path[:] = {sys.path!r}; from pipeline.process.guarded import guard"
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
        if said != "started":
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
                self._guard.wait(self._grace_s + STARTED_S)
        finally:
            self._guard.kill()
            self._guard.wait()
            self._guard.stdout.close()


def guard() -> None:
    """Run in the guard's process: start the command, and end it when our parent is gone."""
    for each in OUR_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    prctl(CHILD_SUBREAPER, 1)
    command, output, environment, grace_s = json.loads(sys.stdin.readline())
    try:
        with open(output, "ab") as file:
            service = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                process_group=0,
                preexec_fn=_as_usual,
            )
    except (OSError, ValueError) as error:
        print(error, flush=True)
        return
    print("started", flush=True)
    Thread(target=_end_with_parent, args=(service, grace_s), daemon=True).start()
    code = service.wait()
    _end(_descendants(), 0)
    os._exit(code if code >= 0 else 128 - code)


def _as_usual() -> None:
    """In the command's process: signals as programs find them, and no life without its guard."""
    for each in OUR_SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    prctl(DEATH_SIGNAL, signal.SIGKILL)


def _end_with_parent(service: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """The pipe from the parent is closed by whatever ends the parent."""
    sys.stdin.read()
    with suppress(ProcessLookupError):
        os.killpg(service.pid, signal.SIGTERM)
    _end(_descendants(), grace_s)
    os._exit(0)


def _descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _end(processes: Iterable[psutil.Process], grace_s: float) -> None:
    """Wait that long for their ends, then end those that are left and what they left behind."""
    psutil.wait_procs([*processes], grace_s)
    left = _descendants()
    for each in left:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(left, KILLED_S)
