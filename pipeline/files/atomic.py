"""Files and folders that are written whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from time import time
from uuid import uuid4

STALE_S = 24 * 3600.0
"""Age of a draft that nobody is writing any more: whoever did was killed."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Lends a draft beside `path`; it takes the name `path` when the block ends without an error.

    Those that write the same file at once each have a draft of their own; the last one wins.
    """
    draft = _draft(path)
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Lends an empty folder beside `path`; it takes that name when the block ends without an error.

    Those that make the same folder at once each have a draft of their own; the first one wins.
    """
    draft = _draft(path)
    draft.mkdir()
    try:
        yield draft
        try:
            draft.replace(path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft(path: Path) -> Path:
    """A name that nobody has; drafts of the same that were left by killed processes go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{escape(path.name)}.*"):
        with suppress(OSError):
            if time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    return path.with_name(f".{path.name}.{uuid4().hex}")
