"""The native kernels: compiled for this machine on first use, then kept."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).parent / "native"
FLAGS = ("-O2", "-march=native", "-std=c++20", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi")
LINK = ("-shared", "-fPIC", "-pthread")


class BuildError(Exception):
    """The kernels couldn't be compiled; the message says why."""


@cache
def library(*extra: str) -> ctypes.CDLL:
    """The kernels, ready to be called.

    Args:
        extra: further flags of the compiler, such as a sanitizer's.

    Raises:
        BuildError: there is no compiler, or it failed.
    """
    return ctypes.CDLL(str(built(*extra)))


def built(*extra: str) -> Path:
    """The shared library in the cache; compiled if need be, whole or not at all.

    Raises:
        BuildError: there is no compiler, or it failed.
    """
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        raise BuildError("no C++ compiler; install one, such as: apt-get install g++")
    command = [compiler, *FLAGS, *LINK, *extra]
    path = _folder() / f"multilora-{_key(command)}.so"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            _compile(command, Path(folder) / path.name)
            (Path(folder) / path.name).replace(path)
    return path


def _compile(command: list[str], to: Path) -> None:
    """All sources as one, which takes half the time and lets everything be inlined."""
    whole = "".join(f'#include "{each}"\n' for each in sorted(SOURCES.glob("*.cpp")))
    finished = subprocess.run(
        [*command, "-x", "c++", "-", "-o", str(to)], input=whole, capture_output=True, text=True
    )
    if finished.returncode:
        errors = [line for line in finished.stderr.splitlines() if "error" in line]
        raise BuildError(f"{command[0]} failed: {(errors or ['no message'])[0]}")


def _key(command: list[str]) -> str:
    """Whatever decides the result: sources, command and processor."""
    digest = hashlib.sha256(f"{command} {_processor()}".encode())
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return " ".join(line for line in lines if line.startswith(("model name", "flags")))[:8192]


def _folder() -> Path:
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache_home) / "multilora"
