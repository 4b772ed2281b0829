"""Which state of the source a run was made from."""

import os
import subprocess
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]


def git(folder: Path = PROJECT) -> dict[str, Any]:
    """The `commit` of `folder` and whether it is `dirty`; None both where git can't say."""
    commit = _ask(folder, "rev-parse", "HEAD")
    changes = _ask(folder, "status", "--porcelain") if commit else None
    return {"commit": commit, "dirty": None if changes is None else changes != ""}


def _ask(folder: Path, *question: str) -> str | None:
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
