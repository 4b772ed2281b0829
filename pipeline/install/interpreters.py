"""Which Pythons are here, and what is wrong with those that won't do."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

VERSIONS = ((3, 13), (3, 12), (3, 11))
"""Those the pinned packages are for, the one to take first first."""

WANTED = "3.11, 3.12 or 3.13"
"""The same for messages."""

NAMES = (*(f"python{major}.{minor}" for major, minor in VERSIONS), "python3", "python")
PROBE = "import sys, venv, ensurepip; print(*sys.version_info[:3])"
LONGEST_S = 20


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs.

    Attributes:
        path: of the program.
        version: major, minor, micro.
    """

    path: Path
    version: tuple[int, ...]

    @property
    def fits(self) -> bool:
        """Whether it is of a version that the pinned packages are for."""
        return self.version[:2] in VERSIONS

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


class Unfit(Exception):
    """A Python that doesn't run, or lacks what a virtualenv is made with; why, in a line."""


def probe(path: Path) -> Interpreter:
    """Ask a Python what it is.

    Raises:
        Unfit: it doesn't answer.
    """
    try:
        done = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=LONGEST_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unfit(f"{path}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        lacks = "ensurepip" in said or "'venv'" in said
        install = f": apt-get install {path.name}-venv" if lacks else ""
        raise Unfit(f"{path}: {said}{install}")
    return Interpreter(path, tuple(map(int, done.stdout.split())))


def found(named: str, path: str) -> tuple[list[Interpreter], list[str]]:
    """Those that fit, newest first, and a line for each that was tried in vain.

    Args:
        named: the one the user asks for, a name or a path; empty for any.
        path: the folders to look into, as `PATH`.
    """
    good: dict[tuple[Path, tuple[int, ...]], Interpreter] = {}
    bad: list[str] = []
    for each in _programs((named,) if named else NAMES, path):
        try:
            interpreter = probe(each)
        except Unfit as why:
            bad.append(str(why))
            continue
        if interpreter.fits:
            good.setdefault((each.resolve(), interpreter.version), interpreter)
        else:
            bad.append(f"{interpreter}: {WANTED} is wanted")
    return sorted(good.values(), key=lambda each: each.version[:2], reverse=True), bad


def _programs(names: Sequence[str], path: str) -> Iterator[Path]:
    for name in names:
        places = [""] if os.sep in name else [each for each in path.split(os.pathsep) if each]
        for place in dict.fromkeys(places):
            program = Path(place, name)
            if os.path.isfile(program) and os.access(program, os.X_OK):
                yield program
