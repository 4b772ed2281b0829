"""Is a file still the one that it was? By what changes with it, without reading it."""

from pathlib import Path

Stamp = tuple[int, int, int]
"""The file itself, its size, when it was written."""


def stamp(path: Path) -> Stamp | None:
    """What it is now; None where nothing is there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
