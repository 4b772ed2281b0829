"""Being told to stop: by Ctrl-C, by `kill`, or because the terminal is gone."""

import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from types import FrameType
from typing import NoReturn

from pipeline.process.child import GRACE_S

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LAST_S = GRACE_S + 5
"""Seconds after the first signal at which the process is ended, whatever it is doing."""

AGAIN_S = 0.05
"""Seconds after which a signal is sent again that came where nothing can be raised."""


class Stopped(KeyboardInterrupt):
    """A signal told this process to stop; the message says which."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


@contextmanager
def stoppable(signals: Collection[signal.Signals] = SIGNALS) -> Iterator[None]:
    """Inside, these signals raise `Stopped`, those apart that the process was to ignore.

    One that comes while Python clears an object away, where whatever is raised is dropped, is sent
    again. The first one also starts a clock: after `LAST_S` the process ends, and with it its
    children, even if what it is doing then never comes back to Python.
    """
    told = False

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        nonlocal told
        if not told:
            signal.alarm(LAST_S)
        told = True
        raise Stopped(number)

    heeded = [each for each in signals if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in heeded}
    hook, sys.unraisablehook = sys.unraisablehook, _sent_again
    try:
        yield
    finally:
        signal.alarm(0)
        sys.unraisablehook = hook
        for each, handler in before.items():
            signal.signal(each, handler)


def _sent_again(dropped: "sys.UnraisableHookArgs") -> None:
    if isinstance(dropped.exc_value, Stopped):
        Timer(AGAIN_S, os.kill, (os.getpid(), dropped.exc_value.number)).start()
    else:
        sys.__unraisablehook__(dropped)


def command(main: Callable[[], int]) -> NoReturn:
    """Run a command and leave with its exit code; told to stop, say so in one line.

    A path that leads where this user may not look is one line, too.
    """
    try:
        with stoppable():
            code = main()
    except PermissionError as error:
        if error.filename is None:
            raise
        _say(f"{error.filename}: {error.strerror}; let this user reach it, or name another place")
        code = 2
    except Stopped as stopped:
        _say("; ".join([str(stopped), *getattr(stopped, "__notes__", ())]))
        leave(stopped)
    sys.exit(code)


def _say(line: str) -> None:
    """One line to the user, if there still is a terminal."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def leave(stopped: Stopped) -> NoReturn:
    """End this process by the same signal: a shell then knows that its loop is to end, too."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    signal.signal(stopped.number, signal.SIG_DFL)
    os.kill(os.getpid(), stopped.number)
    os._exit(128 + stopped.number)
