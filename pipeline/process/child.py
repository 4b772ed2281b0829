"""A function in a process of its own, which ends with the process that asked for it.

Python's own `multiprocessing` starts such a process too, but lets it live on when its parent is
killed, for as long as it takes to import what it needs and beyond.
"""

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, Self

from pipeline.process.prctl import DEATH_SIGNAL, prctl

GRACE_S = 10
"""How long a process that is told to stop may take to keep what it has measured."""

PARENTS_ONLY = (signal.SIGINT, signal.SIGHUP)
"""What a terminal sends to all at once: the parent acts on it, and tells its child to stop."""


class Died(RuntimeError):
    """The process ended without an answer.

    Attributes:
        exitcode: of the process; negative for the number of the signal that ended it.
    """

    def __init__(self, exitcode: int) -> None:
        self.exitcode = exitcode
        super().__init__(
            f"its process was ended by {signal.Signals(-exitcode).name}"
            if exitcode < 0
            else f"its process left with code {exitcode} and said nothing"
        )


class Child:
    """A running process, as a context manager: when the block ends, so has the process."""

    def __init__(
        self, function: Callable[..., Any], *arguments: Any, holding: Sequence[int] = ()
    ) -> None:
        """Start it.

        Args:
            function: what it does; found by its module and name, as pickle has it.
            arguments: of the function.
            holding: open files that it keeps open as long as it lives.
        """
        task = pickle.dumps((function, arguments))
        self._connection, theirs = Pipe()
        handles = (theirs.fileno(), *holding)
        code = f"import sys; sys.path[:] = {sys.path!r}; from pipeline.process.child import serve; "
        command = [sys.executable, "-c", f"{code}serve({os.getpid()}, {handles})"]
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, PARENTS_ONLY)
        with theirs:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=handles)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            with suppress(ConnectionError):  # It has ended already: `result` says how.
                self._connection.send_bytes(task)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
        self.stop()
        self._connection.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def result(self, seconds: float | None = None) -> Any:
        """What the function returned; what it raised is raised here.

        Args:
            seconds: to wait for at most; the system has room for 2e6.

        Raises:
            TimeoutError: it has not ended by then.
            Died: the process ended without an answer.
        """
        if not self._connection.poll(seconds):
            raise TimeoutError
        try:
            value, error = self._connection.recv()
        except (EOFError, ConnectionError):
            raise Died(self._process.wait()) from None
        if error is not None:
            raise error
        return value

    def stop(self) -> None:
        """Tell it to stop, and end it after `GRACE_S`; or at once, if this is interrupted."""
        try:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
        finally:
            self._process.kill()
            self._process.wait()


def serve(parent: int, handles: Sequence[int]) -> None:
    """Run in the new process: do the one thing that it was started for.

    Args:
        parent: number of the process that started it.
        handles: the connection to it, and open files to hold.
    """
    _end_with(parent)
    for each in PARENTS_ONLY:
        signal.signal(each, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PARENTS_ONLY)
    for handle in handles:
        os.set_inheritable(handle, False)
    connection = Connection(handles[0])
    task = connection.recv_bytes()
    watch(connection)
    function, arguments = pickle.loads(task)
    try:
        answer: tuple[Any, Exception | None] = function(*arguments), None
    except Exception as error:
        error.add_note(f"In process {os.getpid()}: {traceback.format_exc()}")
        answer = None, _sendable(error)
    connection.send(answer)


def watch(connection: Connection) -> None:
    """End this process when the other end of the connection, which sends no more, is gone."""

    def end() -> None:
        wait([connection])
        os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=end, daemon=True).start()


def _end_with(parent: int) -> None:
    """Let the kernel end this process with its parent, at once and whatever it is doing (Linux)."""
    prctl(DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
