"""`python -m pipeline.install`: `.venv` as the requirements want it; nothing is done when it is."""

import os
import shutil
import sys
from pathlib import Path
from time import monotonic

from pipeline.install.command import Failed
from pipeline.install.interpreters import WANTED, Interpreter, found
from pipeline.install.packages import Pip, pinned
from pipeline.install.progress import clock
from pipeline.install.torch_build import INDEX, Build, cpu_build
from pipeline.install.virtualenv import Virtualenv

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS, CMAKE = ROOT / "requirements.txt", ROOT / "llama.cmake"
SOURCES = (REQUIREMENTS, CMAKE, ROOT / "pyproject.toml")
"""What `.venv` is made from: when one of them changes, it is set up again."""

NEEDED = 3e9
"""Free bytes that the packages and the compiler's files want."""


def main() -> int:
    """Set up what is missing; the exit code."""
    venv = Virtualenv(ROOT / ".venv")
    try:
        asked = _asked()
        if venv.there(asked) and venv.ready_for(SOURCES):
            return 0
        _set_up(venv, asked)
    except Failed as why:
        print(f"\n{why}" if sys.stdout.isatty() else why, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _asked() -> Interpreter | None:
    """The Python that the user names, if any."""
    if not (name := os.environ.get("PYTHON")):
        return None
    good, bad = found(name, os.environ["PATH"])
    if not good:
        raise Failed(f"PYTHON={name}: {'; '.join(bad) or 'there is no such program'}")
    return good[0]


def _all() -> list[Interpreter]:
    """Those there are, newest first."""
    good, bad = found("", os.environ["PATH"])
    if not good:
        raise Failed(f"no Python {WANTED} that can be used: {'; '.join(bad)}")
    return good


def _set_up(venv: Virtualenv, asked: Interpreter | None) -> None:
    started = monotonic()
    _check_machine()
    requirements = REQUIREMENTS.read_text("utf-8")
    build = _torch(venv, asked, pinned(requirements, "torch"))
    log = venv.folder / "setup.log"
    pip = Pip(venv.python, log)

    pip.install(requirements, build)
    pip.link(ROOT)
    pip.compile(requirements, CMAKE)
    venv.set_ready(SOURCES)
    print(f"set up in {clock(monotonic() - started)}; the log is {log}")


def _check_machine() -> None:
    if not shutil.which("c++"):
        raise Failed("llama.cpp and our kernels need a C++ compiler: apt-get install g++")
    if (free := shutil.disk_usage(ROOT).free) < NEEDED:
        raise Failed(f"{ROOT} has {free / 1e9:.1f} GB free; {NEEDED / 1e9:.0f} GB are needed")


def _torch(venv: Virtualenv, asked: Interpreter | None, version: str) -> Build:
    """The build of torch for the virtualenv, which is made if there is none yet."""
    index = os.environ.get("TORCH_INDEX", INDEX)
    here = venv.there(asked)
    only = here or asked
    for each in [only] if only else _all():
        if not here:
            venv.make(each)
        if build := cpu_build(venv.python, version, index):
            print(f"{each}, {build.requirement}")
            return build
        print(f"{each}: no CPU build of torch {version} is to be had for it")
        if not here:
            shutil.rmtree(venv.folder)
    raise Failed(
        f"no CPU build of torch {version} where pip looks, nor at {index} (is it reached?): "
        "TORCH_INDEX=URL names another index, TORCH_INDEX= takes what PyPI has, on Linux with "
        "CUDA (2.7 GB)"
    )


if __name__ == "__main__":
    sys.exit(main())
