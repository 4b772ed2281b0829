"""A long command whose output goes to a log, while somebody watches how far it is."""

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

TICK_S = 0.5
"""Who watches hears something at least so often, so that the time on the screen moves on."""


class Failed(Exception):
    """The set-up can't go on; why, and what to do, in a line."""


def follow(
    command: Sequence[str],
    log: Path,
    watch: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run it to its end.

    Args:
        command: program and arguments.
        log: all that it prints is added there.
        watch: is told each line that is printed, and '' when nothing was for a while.
        environment: of the command; None for this process's own.

    Raises:
        Failed: it ended with another exit code than 0.
    """
    error = ""
    with log.open("a", encoding="utf-8") as file:
        print("$", *command, file=file, flush=True)
        with _started(command, environment) as process:
            for line in _lines(process):
                file.write(line)
                watch(line)
                error = line if line.lower().lstrip().startswith("error") else error
    if process.returncode:
        why = " ".join(error.split()) or f"exit code {process.returncode}"
        raise Failed(f"{why[:400]}; the whole log: {log}")


def _started(
    command: Sequence[str], environment: Mapping[str, str] | None
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    )


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    """What it prints, as it comes; '' whenever nothing came for a tick."""
    assert process.stdout
    lines: Queue[str | None] = Queue()
    output = process.stdout

    def read() -> None:
        for line in output:
            lines.put(line)
        lines.put(None)

    Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=TICK_S)
        except Empty:
            yield ""
            continue
        if line is None:
            return
        yield line
