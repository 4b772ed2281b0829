"""What is to be installed, and installing it."""

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from pipeline.install.command import follow
from pipeline.install.progress import StageLine
from pipeline.install.torch_build import Build

COMPILED = "llama-cpp-python"
"""The one requirement that is compiled here."""

ABOUT = 140
"""Packages that the requirements come to, with what those need; for the percentage alone."""

COLLECTED = re.compile(r"^Collecting ([\w.-]+)")
ARRIVED = re.compile(r"Downloading .*\.(?:whl|tar\.gz) \(([\d.]+) ([kMG])B\)")
RESOLVED = re.compile(r"^Installing collected packages: (.*)")
OBJECT = re.compile(r"\s*\[\s*(\d+)/(\d+)\]")
"""A line of ninja."""


def pinned(requirements: str, name: str) -> str:
    """The version that the requirements pin."""
    found = re.search(rf"^{name}==([^\s;#]+)", requirements, re.M)
    if not found:
        raise ValueError(f"requirements.txt pins no {name}")
    return found[1]


class Pip:
    """pip of the virtualenv, its output in the log."""

    def __init__(self, python: Path, log: Path) -> None:
        self._pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
        self._site, self._log = python.parents[1] / "lib", log

    def install(self, requirements: str, torch: Build) -> None:
        """Download and install all but what is compiled.

        Raises:
            Failed: pip did.
        """
        wanted = self._log.with_name("wanted.txt")
        others = [line for line in requirements.splitlines() if not line.startswith(COMPILED)]
        wanted.write_text("\n".join([*others, torch.requirement]), "utf-8")
        what = ["--no-compile", "--progress-bar", "off", "-r", str(wanted), *torch.index]
        watch = Installing(self._installed)
        follow([*self._pip, *what], self._log, watch)
        watch.end(torch.requirement)

    def link(self, project: Path) -> None:
        """Make the project's command `pipeline`, which runs what stands in the folder.

        Raises:
            Failed: pip did.
        """
        follow([*self._pip, "--no-deps", "-e", str(project)], self._log, lambda _: None)

    def compile(self, requirements: str, cmake: Path) -> None:
        """Build the source package, unless pip has kept its wheel from before.

        Raises:
            Failed: pip or the compiler did.
        """
        include = shlex.quote(f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={cmake}")
        environment = os.environ | {"CMAKE_ARGS": f"-DLLAVA_BUILD=OFF {include}"}
        progress = StageLine("[3/3] compile llama.cpp")

        def watch(line: str) -> None:
            found = OBJECT.match(line)
            progress.show(int(found[1]) / int(found[2]) if found else 0.0)

        what = ["--verbose", f"{COMPILED}=={pinned(requirements, COMPILED)}"]
        follow([*self._pip, *what], self._log, watch, environment)
        progress.end("done; pip keeps it for the next time")

    def _installed(self) -> int:
        return sum(1 for _ in self._site.glob("python*/site-packages/*.dist-info"))


class Installing:
    """What a person sees of pip: packages arrive, then are installed."""

    def __init__(self, installed: Callable[[], int]) -> None:
        self._installed, self._before = installed, installed()
        self._progress = StageLine("[1/3] download packages")
        self._names: set[str] = set()
        self._megabytes, self._all = 0.0, 0

    def __call__(self, line: str) -> None:
        """Pip printed that; '' while it prints nothing."""
        self._names.update(COLLECTED.findall(line))
        for size, unit in ARRIVED.findall(line):
            self._megabytes += float(size) * {"k": 1e-3, "M": 1, "G": 1e3}[unit]
        if resolved := RESOLVED.match(line):
            self._all = len(resolved[1].split(","))
            self._progress.end(f"{self._all} packages, {self._megabytes:.0f} MB downloaded")
            self._progress = StageLine("[2/3] install packages")
        if self._all:
            self._progress.show((self._installed() - self._before) / self._all)
        else:
            self._progress.show(min(len(self._names) / ABOUT, 0.99))

    def end(self, said: str) -> None:
        """Everything is installed, or was."""
        self._progress.end(said if self._all else f"all there, {said}")
