"""Are the files that a run was made from the same at its end as at its beginning?

Engines read some of them while they serve: adapters that come and go, rows of an embedding.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

Stamps = Mapping[Path, tuple[int, int, int] | None]
"""Of each file what changes with it: the file itself, its size, when it was written; None: gone."""


def stamps(folders: Iterable[Path]) -> Stamps:
    """Those of all files in some folders, now.

    Args:
        folders: whose files are looked at, or files; what lies deeper isn't.
    """
    found = (path for each in folders for path in (each.iterdir() if each.is_dir() else [each]))
    return {path: _stamp(path) for path in sorted(found) if path.is_file()}


def changed(before: Stamps) -> tuple[str, ...]:
    """Why a run that was made from those files is INVALID, a line each."""
    return tuple(
        f"{path} was changed or deleted while the run went on"
        for path, stamp in before.items()
        if _stamp(path) != stamp
    )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
