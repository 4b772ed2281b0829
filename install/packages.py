"""What is to be installed, and installing it."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from install.command import follow
from install.progress import Progress
from install.torch_build import Build

COMPILED = "llama-cpp-python"
"""The one requirement that is a source package."""

COLLECTED = re.compile(r"^Collecting ([\w.-]+)")
ARRIVED = re.compile(r"(?:Downloading|Using cached|Processing) .*\.(?:whl|tar\.gz)(?: |$)")
OBJECT = re.compile(r"\s*\[\s*(\d+)/(\d+)\]")
"""A line of ninja."""


@dataclass(frozen=True)
class Package:
    """One that will be installed.

    Attributes:
        pin: name and version, as pip takes it.
        source: host or folder that it comes from.
    """

    pin: str
    source: str


def pinned(requirements: str, name: str) -> str:
    """The version that the requirements pin."""
    found = re.search(rf"^{name}==([^\s;#]+)", requirements, re.M)
    if not found:
        raise ValueError(f"requirements.txt pins no {name}")
    return found[1]


class Pip:
    """pip of the virtualenv, its output in the log."""

    def __init__(self, python: Path, log: Path) -> None:
        self._pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
        self._site, self._log = python.parents[1] / "lib", log

    def missing(self, requirements: str, torch: Build, progress: Progress) -> list[Package]:
        """What pip would install, dependencies and all, but for what is compiled.

        Raises:
            Failed: pip did.
        """
        wanted, report = self._log.with_name("wanted.txt"), self._log.with_name("report.json")
        others = [line for line in requirements.splitlines() if not line.startswith(COMPILED)]
        wanted.write_text("\n".join([*others, torch.requirement]), "utf-8")
        names: set[str] = set()

        def found(line: str) -> str:
            names.update(COLLECTED.findall(line))
            return f"{len(names)} found" if names else ""

        look = ["install", "--dry-run", "--report", str(report), "-r", str(wanted), *torch.index]
        follow([*self._pip, *look], self._log, progress, found)
        listed = json.loads(report.read_text("utf-8"))["install"]
        return [_package(each) for each in listed]

    def install(self, packages: list[Package], torch: Build, progress: Progress) -> None:
        """Download and install exactly these.

        Raises:
            Failed: pip did.
        """
        exact = self._log.with_name("exact.txt")
        exact.write_text("\n".join(each.pin for each in packages), "utf-8")
        before, arrived, all_ = sum(1 for _ in self._installed()), 0, max(len(packages), 1)

        def share(line: str) -> float:
            nonlocal arrived
            arrived += bool(ARRIVED.search(line))
            installed = sum(1 for _ in self._installed()) - before
            return (arrived + installed) / (2 * all_)

        what = [
            "install",
            "--no-deps",
            "--no-compile",
            "--progress-bar",
            "off",
            "-r",
            str(exact),
            *torch.index,
        ]
        follow([*self._pip, *what], self._log, progress, share)

    def compile(self, requirements: str, cmake: Path, progress: Progress) -> None:
        """Build the source package, unless pip has kept its wheel from before.

        Raises:
            Failed: pip or the compiler did.
        """
        include = shlex.quote(f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={cmake}")
        environment = os.environ | {"CMAKE_ARGS": f"-DLLAVA_BUILD=OFF {include}"}

        def share(line: str) -> float:
            found = OBJECT.match(line)
            return int(found[1]) / int(found[2]) if found else 0.0

        what = ["install", "--verbose", f"{COMPILED}=={pinned(requirements, COMPILED)}"]
        follow([*self._pip, *what], self._log, progress, share, environment)

    def _installed(self) -> Iterator[Path]:
        return self._site.glob("python*/site-packages/*.dist-info")


def _package(listed: dict[str, dict[str, str]]) -> Package:
    url = urlsplit(listed["download_info"]["url"])
    where = url.netloc or unquote(str(Path(url.path).parent))
    return Package(f"{listed['metadata']['name']}=={listed['metadata']['version']}", where)
