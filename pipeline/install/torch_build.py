"""Where a build of torch without CUDA comes from."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of CPU builds; `TORCH_INDEX` names another."""


@dataclass(frozen=True)
class Build:
    """What pip is asked for.

    Attributes:
        requirement: torch and its version, as pip takes it.
        index: pip's arguments that name where it is; none where pip looks there anyhow.
    """

    requirement: str
    index: tuple[str, ...] = ()


def cpu_build(python: Path, version: str, index: str, platform: str = sys.platform) -> Build | None:
    """The CPU build for that Python: where pip looks anyhow, else in the index; None if in neither.

    On Linux it is the one whose version ends in `+cpu`: what PyPI has there is built for CUDA,
    2.7 GB in place of 0.2. Elsewhere there is only one build, and it needs no CUDA.

    Args:
        python: of the virtualenv, with pip.
        version: of torch, as pinned.
        index: of CPU builds; empty to take whatever pip finds.
        platform: as `sys.platform`.
    """
    wanted = f"{version}+cpu" if platform == "linux" and index else version
    for arguments in ((), ("--extra-index-url", index)) if index else ((),):
        if wanted in _versions(python, arguments):
            return Build(f"torch=={wanted}", arguments)
    return None


def _versions(python: Path, arguments: tuple[str, ...]) -> set[str]:
    """Those that pip can install; nothing is downloaded but the list."""
    patience = ("--retries", "1", "--timeout", "20", "--disable-pip-version-check")
    command = [str(python), "-m", "pip", "index", "versions", "torch", *patience, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    label, line = "Available versions:", ""
    for each in done.stdout.splitlines():
        line = each.removeprefix(label) if each.startswith(label) else line
    return set(line.replace(",", " ").split())
