"""perf: the processor's own counters, read around a replay."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGINT
from time import perf_counter

from pydantic.dataclasses import dataclass

from pipeline.profilers.perf_counters import parse, rates
from pipeline.profilers.profiler import Profile, Subject, Tool, ToolUnavailable
from pipeline.profilers.programs import find
from pipeline.settings import STRICT

COUNTERS = "perf_counters.csv"
EVENTS = ("task-clock", "cycles", "instructions", "cache-references", "cache-misses")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PerfStat(Tool):
    """Settings of `profiler=perf`: Linux's `perf stat`, attached to this process."""

    def profile(self, subject: Subject) -> Profile:
        """One replay."""
        program = find("perf", "sudo apt-get install linux-perf (Ubuntu: linux-tools-generic)")
        path = subject.folder / COUNTERS
        seconds = _counted(program, path, subject)
        found = parse(path.read_text("utf-8"))
        figures = {f"perf/{name}": value for name, value in rates(found, seconds).items()}
        lacking = [event for event, value in found.items() if value is None]
        if not figures:
            path.unlink()
            raise ToolUnavailable(
                f"no hardware counters here: perf stat doesn't count {', '.join(lacking)}, as in "
                "most virtual machines; run on the machine itself"
            )
        notes = (f"not counted here: {', '.join(lacking)}",) if lacking else ()
        return Profile({COUNTERS: "what perf stat -x, wrote"}, figures, notes)


def _counted(program: str, path: Path, subject: Subject) -> float:
    """Seconds of a replay that is counted into `path`."""
    with _attached(program, path) as tell:
        tell("enable")
        started = perf_counter()
        subject.replay()
        seconds = perf_counter() - started
        tell("disable")
    return seconds


@contextmanager
def _attached(program: str, path: Path) -> Iterator[Callable[[str], None]]:
    """perf, attached and waiting for commands; it writes `path` when the block ends."""
    (control, command), (answer, acknowledge) = os.pipe(), os.pipe()
    options = ["-x,", "-e", ",".join(EVENTS), "-p", str(os.getpid()), "-o", str(path)]
    perf = subprocess.Popen(
        [program, "stat", *options, "--delay=-1", f"--control=fd:{control},{acknowledge}"],
        pass_fds=(control, acknowledge),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"LC_ALL": "C"},
    )
    os.close(control)
    os.close(acknowledge)

    def tell(word: str) -> None:
        with suppress(BrokenPipeError):
            os.write(command, f"{word}\n".encode())
        if not os.read(answer, 16):
            raise ToolUnavailable(f"perf stat: {' '.join(perf.communicate()[1].split())[:300]}")

    try:
        yield tell
        perf.send_signal(SIGINT)
        perf.communicate()
    finally:
        if perf.poll() is None:
            perf.kill()
            perf.communicate()
        os.close(command)
        os.close(answer)
