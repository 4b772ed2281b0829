"""SHA-256 of files; that of a large one is remembered until the system says that it was touched.

What is remembered lies in the user's cache, one small file for each. It counts as long as device,
inode, size and both times of the large file are what they were. A time of modification can be set
by whoever likes to; the time of change beside it is the system's own, and no program sets it.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Any

from pipeline.errors import Unreadable
from pipeline.files.documents import read_json, write_json
from pipeline.files.regular import MEBIBYTE
from pipeline.places import user_cache

LARGE = 64 * MEBIBYTE
"""Bytes from which on it is worth remembering: fewer are hashed in a twentieth of a second."""
SETTLED_S = 60.0
"""Age of a file's last change from which on another one would show: stamps are coarse, and a page
that is mapped and written to moves them only once it was on its way to the disk."""


def sha256_of(path: Path) -> str:
    """The content's hash, in hexadecimal.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        before, began = os.fstat(file.fileno()), time()
        note = _note(path)
        known = _known(note) if before.st_size >= LARGE else {}
        if known.get("stamps") == _stamps(before):
            return str(known["sha256"])
        found = hashlib.file_digest(file, "sha256").hexdigest()
        after = os.fstat(file.fileno())
    untouched = _stamps(before) == _stamps(after)
    settled = max(before.st_mtime, before.st_ctime) + SETTLED_S < began
    if before.st_size >= LARGE and untouched and settled:
        with suppress(OSError, ValueError):
            write_json(note, {"path": str(path), "stamps": _stamps(before), "sha256": found})
    return found


def _stamps(found: os.stat_result) -> list[int]:
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _note(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    return user_cache() / "hashes" / f"{name}.json"


def _known(note: Path) -> dict[str, Any]:
    try:
        found = read_json(note)
    except Unreadable:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("sha256"), str) else {}
