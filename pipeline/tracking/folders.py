"""Where runs may stand beneath a folder, and what only looks like runs."""

import re
from collections.abc import Iterator
from pathlib import Path

EARLIER = "earlier"
"""Beneath a job's directory: attempts before, by their numbers. They are no runs of their own."""


def subfolders(path: Path) -> Iterator[Path]:
    """The folders in `path` in which runs may stand, `9` before `10`.

    Not hidden ones (drafts and caches), nor earlier attempts, nor MLflow's copies.
    """
    children = (child for child in path.iterdir() if child.is_dir())
    for child in sorted(children, key=_natural):
        hidden = child.name.startswith(".")
        if not (hidden or child.name == EARLIER or is_copy(child)):
            yield child


def is_copy(path: Path) -> bool:
    """Whether MLflow keeps the artifacts of a run there: `<32 hex digits>/artifacts`.

    Its artifacts are a run directory's files, and so look like one.
    """
    whole = path.absolute()
    return whole.name == "artifacts" and bool(re.fullmatch("[0-9a-f]{32}", whole.parent.name))


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
