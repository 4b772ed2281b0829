"""Folders that last no longer than a job: what a killed process left, the next one removes."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.tracking.lock import claimed, is_claimed

PREFIX = "multilora-job-"

FRESH_S = 60.0
"""How long a folder may be there before its owner has claimed it."""


@contextmanager
def job_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder that is claimed as long as this lasts, so that nobody tidies it away.

    This process can't remove it when it is killed; the next one that needs such a folder does.

    Args:
        parent: where it is made; None takes the system's temporary directory.
    """
    place = parent or Path(tempfile.gettempdir())
    _remove_left(place)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=place) as name, claimed(Path(name)):
        yield Path(name)


def _remove_left(place: Path) -> None:
    """Remove folders whose owner is dead."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # It is another user's, or gone already.
            if time.time() - folder.stat().st_mtime > FRESH_S and not is_claimed(folder):
                shutil.rmtree(folder, ignore_errors=True)
