"""Being told to stop: by Ctrl-C, by `kill`, or because the terminal is gone."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from pipeline.child import GRACE_S

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LAST_S = GRACE_S + 5
"""Seconds after the first signal at which the process is ended, whatever it is doing."""


class Stopped(KeyboardInterrupt):
    """A signal told this process to stop; the message says which."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """The handler of a signal: raises `Stopped` in the main thread."""
    raise Stopped(number)


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, the signals of `SIGNALS` raise `Stopped`, those apart that the process was to ignore.

    The first one also starts the clock: after `LAST_S` the process ends, and with it its children,
    even if what it is doing then never comes back to Python.
    """
    told = False

    def first(number: int, frame: FrameType | None) -> NoReturn:
        nonlocal told
        if not told:
            signal.alarm(LAST_S)
        told = True
        stop(number, frame)

    heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, first) for each in heeded}
    try:
        yield
    finally:
        signal.alarm(0)
        for each, handler in before.items():
            signal.signal(each, handler)


def command(main: Callable[[], int]) -> NoReturn:
    """Run a command and leave with its exit code; told to stop, say so in one line."""
    try:
        with stoppable():
            code = main()
    except Stopped as stopped:
        _say("; ".join([str(stopped), *getattr(stopped, "__notes__", ())]))
        _leave(stopped)
    sys.exit(code)


def _say(line: str) -> None:
    """One line to the user, if there still is a terminal."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _leave(stopped: Stopped) -> NoReturn:
    """End by the same signal: a shell then knows that its loop is to end, too."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    signal.signal(stopped.number, signal.SIG_DFL)
    os.kill(os.getpid(), stopped.number)
    os._exit(128 + stopped.number)
