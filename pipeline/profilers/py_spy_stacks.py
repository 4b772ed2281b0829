"""py-spy: samples of the Python stack, taken from outside."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import getpid
from pathlib import Path
from signal import SIGINT, default_int_handler, signal
from threading import Timer
from time import perf_counter
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.process.prctl import PTRACER, prctl
from pipeline.profilers.profiler import Profile, Subject, Tool, ToolUnavailable
from pipeline.profilers.programs import find
from pipeline.settings import STRICT

SPEEDSCOPE, FLAMES = "py_spy.speedscope.json", "py_spy.svg"
STOP_S = 120
"""How long it may take to write what it has seen."""
START_S = 120
"""Longest that py-spy may take to begin; reading a large library's symbols takes a while."""
ANY, NOBODY = -1, 0


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PySpyStacks(Tool):
    """Settings of `profiler=py_spy`.

    Attributes:
        rate: samples a second.
        seconds: replay until so many have passed, so that there are samples enough.
        native: frames of C and C++ too.
    """

    rate: Annotated[int, Field(ge=1, le=10_000)] = 100
    seconds: Annotated[float, Field(gt=0, le=1e6)] = 2.0
    native: bool = False

    def profile(self, subject: Subject) -> Profile:
        """Replay twice over: py-spy writes one format at a time."""
        program = find("py-spy", "python -m pip install py-spy==0.4.3")
        for form, name in (("speedscope", SPEEDSCOPE), ("flamegraph", FLAMES)):
            with _sampling(self._command(program, form, subject.folder / name)):
                self._replay(subject)
        return Profile(
            {
                SPEEDSCOPE: "drop it on https://www.speedscope.app: stacks in time",
                FLAMES: "open it in a browser; click on a frame to look into it",
            }
        )

    def _command(self, program: str, form: str, output: Path) -> list[str]:
        command = [program, "record", "--pid", str(getpid()), "--rate", str(self.rate)]
        command += ["--format", form, "--output", str(output)]
        return [*command, "--native"] if self.native else command

    def _replay(self, subject: Subject) -> None:
        end = perf_counter() + self.seconds
        subject.replay()
        while perf_counter() < end:
            subject.replay()


@contextmanager
def _sampling(command: Sequence[str]) -> Iterator[None]:
    """Samples are taken inside the block, and written when it ends."""
    with _traceable(), _started(command) as spy:
        _wait(spy)
        yield
        spy.send_signal(SIGINT)
        said = spy.communicate(timeout=STOP_S)[0]
    if spy.returncode:
        raise RuntimeError(f"py-spy: {' '.join(said.split())}")


def _wait(spy: "subprocess.Popen[str]") -> None:
    """Until it takes samples."""
    assert spy.stdout
    said = ""
    watch = Timer(START_S, spy.kill)
    watch.start()
    try:
        for line in spy.stdout:
            if "Sampling process" in line:
                return
            said += line
    finally:
        watch.cancel()
    raise ToolUnavailable(_why(" ".join(said.split()) or f"it hadn't begun after {START_S} s"))


def _why(said: str) -> str:
    if "permission denied" not in said.lower():
        return f"py-spy could not begin: {said}"
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    strict = f" (kernel.yama.ptrace_scope is {scope.read_text().strip()})" if scope.exists() else ""
    return (
        f"the system lets py-spy not look into this process{strict}; in a container start it with "
        "--cap-add=SYS_PTRACE, elsewhere run sudo sysctl kernel.yama.ptrace_scope=1"
    )


@contextmanager
def _started(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """The program runs, and is ended if the block fails."""
    with _interruptible():
        spy = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield spy
    finally:
        if spy.poll() is None:
            spy.kill()
            spy.communicate()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Children begun inside heed SIGINT even where this process ignores it, as jobs do."""
    before = signal(SIGINT, default_int_handler)
    try:
        yield
    finally:
        signal(SIGINT, before)


@contextmanager
def _traceable() -> Iterator[None]:
    """Let a child of this process trace it, where Yama lets only ancestors do that.

    Linux's `ptrace_scope` is 1 on most desktops; elsewhere the call does nothing.
    """
    prctl(PTRACER, ANY)
    try:
        yield
    finally:
        prctl(PTRACER, NOBODY)
