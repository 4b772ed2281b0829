"""Are the files that a run was made from the same at its end as at its beginning?

Engines read some of them while they serve: adapters that come and go, rows of an embedding.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.files.stamp import Stamp, stamp

Stamps = Mapping[Path, Stamp | None]
"""Of each file what changes with it; None: gone."""


def stamps(folders: Iterable[Path]) -> Stamps:
    """Those of all files in some folders, now.

    Args:
        folders: whose files are looked at, or files; what lies deeper isn't.
    """
    found = (path for each in folders for path in (each.iterdir() if each.is_dir() else [each]))
    return {path: stamp(path) for path in sorted(found) if path.is_file()}


def changed(before: Stamps) -> tuple[str, ...]:
    """Why a run that was made from those files is INVALID, a line each."""
    return tuple(
        f"{path} was changed or deleted while the run went on"
        for path, was in before.items()
        if stamp(path) != was
    )
