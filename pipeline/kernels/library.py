"""The native kernels: compiled for this machine on first use, then kept.

`MULTILORA_ISA` names another instruction set than the processor's best, `CXX` another compiler, and
`MULTILORA_CXXFLAGS` further flags, which win over ours: such as a sanitizer's.
"""

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

from pipeline.files.atomic import whole_file
from pipeline.kernels.abi import HEADER, Abi
from pipeline.kernels.instruction_sets import chosen
from pipeline.machine.processor import name_of, processor
from pipeline.places import user_cache

SOURCES = Path(__file__).parent / "native"
FLAGS = ("-O2", "-std=c++20", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi")
LINK = ("-shared", "-fPIC", "-pthread")


class BuildError(Exception):
    """The kernels couldn't be compiled; the message says why."""


def built() -> Path:
    """The shared library in the cache; compiled if need be, whole or not at all.

    Raises:
        BuildError: there is no compiler, or it failed.
        UsageError: the user asks for an instruction set that isn't there.
    """
    command = [compiler(), *LINK, *flags()]
    path = user_cache() / f"multilora-{_key(command)}.so"
    if not path.is_file():
        with whole_file(path) as draft:
            _compile(command, draft)
    return path


def compiler() -> str:
    """The user's, or the system's.

    Raises:
        BuildError: there is none.
    """
    found = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    if found is None:
        raise BuildError("no C++ compiler; install one, such as: apt-get install g++")
    return found


def flags() -> list[str]:
    """Those that decide how fast the kernels are, the user's last.

    Raises:
        UsageError: the user asks for an instruction set that isn't there.
    """
    isa, users = chosen(), os.environ.get("MULTILORA_CXXFLAGS", "").split()
    return [*FLAGS, *isa.flags, isa.definition, *users]


def source_hash() -> str:
    """SHA-256 of the kernels' sources, which is the same on every machine."""
    digest = hashlib.sha256()
    for path in sorted(each for each in SOURCES.rglob("*") if each.is_file()):
        digest.update(f"{path.relative_to(SOURCES)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _compile(command: list[str], to: Path) -> None:
    """All sources as one, which takes half the time and lets everything be inlined.

    The compiler starts in their folder, for an `#include` can't name a path with a quote in it.
    """
    arguments = [*command, "-x", "c++", "-", "-o", str(to.absolute())]
    try:
        finished = subprocess.run(
            arguments, cwd=SOURCES, input=whole(), capture_output=True, text=True
        )
    except OSError as error:
        raise BuildError(f"{command[0]} can't be run: {error.strerror}") from error
    if finished.returncode:
        errors = [line for line in finished.stderr.splitlines() if "error" in line]
        raise BuildError(f"{command[0]} failed: {(errors or ['no message'])[0]}")


def whole() -> str:
    """What is compiled: all sources, and what the library tells of abi.h."""
    names = sorted(each.name for each in SOURCES.glob("*.cpp"))
    told = Abi((SOURCES / HEADER.name).read_text("utf-8")).exported()
    return "".join(f'#include "{name}"\n' for name in names) + told


def _key(command: list[str]) -> str:
    """Whatever decides the result: sources, command and processor."""
    parts = (source_hash(), whole(), command, _processor())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    found = processor()
    return f"{platform.machine()} {name_of(found)} {' '.join(found['flags'])}"
