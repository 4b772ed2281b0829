"""Between us and somebody else's command: a process that ends it, whatever becomes of us.

It ends the command and all that came of it, and takes in those that left their group or lost their
parent. It starts anew, so it imports little.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from threading import Thread

import psutil

from pipeline.process.prctl import CHILD_SUBREAPER, DEATH_SIGNAL, prctl

STARTED = "started"
"""What it says when it has started the command; anything else is why it couldn't."""
OUR_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
"""It is told to stop by its parent alone."""
KILLED_S = 5
"""Seconds in which a process that was killed must be gone: its memory is freed meanwhile."""


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
    print(STARTED, flush=True)
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
