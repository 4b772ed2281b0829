"""Programs that profilers start."""

import os
import shutil
import sys
from pathlib import Path

from pipeline.profilers.profiler import ToolUnavailable


def find(name: str, install: str) -> str:
    """Path of a program, from this Python's own environment or from `PATH`.

    Args:
        name: of the program.
        install: the command that installs it.

    Raises:
        ToolUnavailable: it is in neither.
    """
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = shutil.which(name, path=places)
    if found is None:
        raise ToolUnavailable(f"{name} isn't installed: {install}")
    return found
