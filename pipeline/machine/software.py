"""What a run is made from: the state of the source, and the versions of the libraries."""

import hashlib
import os
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.places import CHECKOUT


def git(folder: Path | None = CHECKOUT) -> dict[str, Any]:
    """The `commit` of `folder`, whether it is `dirty`, and which `changes` make it so, as a hash.

    None all three where git can't say, or there is no `folder`: the package was installed from a
    wheel. `changes` is None of a clean tree, too.
    """
    commit = _ask(folder, "rev-parse", "HEAD")
    changed = _ask(folder, "status", "--porcelain") if commit else None
    if not changed:
        return {"commit": commit, "dirty": None if changed is None else False, "changes": None}
    whole = f"{changed}\n{_ask(folder, 'diff', 'HEAD')}"
    digest = hashlib.sha256(whole.encode(errors="replace")).hexdigest()
    return {"commit": commit, "dirty": True, "changes": digest[:16]}


def _ask(folder: Path | None, *question: str) -> str | None:
    if folder is None:
        return None
    # GIT_DIR and its like are set inside hooks, and would point at some other repository.
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(folder), *question]
    try:
        answer = subprocess.run(
            command, env=clean, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


LIBRARIES = (
    "torch",
    "transformers",
    "peft",
    "tokenizers",
    "safetensors",
    "numpy",
    "mlflow",
    "hydra-core",
    "omegaconf",
    "llama-cpp-python",
    "bitsandbytes",
)
"""Those whose version can change a number; the last two are optional."""


def versions() -> dict[str, str | None]:
    """Version by library, read from its metadata without importing it; None if not installed."""
    return {library: _version(library) for library in LIBRARIES}


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
