"""What an MLflow run shows, as one digest, so that a run that shows it already is left alone."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from pipeline.tracking.projection import Projection

SHOWN = "pipeline.shown"
"""MLflow's tag that holds the digest, set when all is there."""
IN_PART = "in part"
"""Its value while a run that had one is brought up to date."""


def fingerprint(projection: Projection, entries: Iterable[Path]) -> str:
    """SHA-256 over all that MLflow is told of a run, and over its files by their stamps.

    Files are known by name, size and time of change: those copied without their times are only
    sent once more.
    """
    files = [stamp for entry in entries for stamp in _stamps(entry)]
    whole = json.dumps([asdict(projection), files], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def _stamps(entry: Path) -> Iterator[tuple[str, int, int]]:
    for path in [entry, *sorted(entry.rglob("*"))] if entry.is_dir() else [entry]:
        if path.is_file():
            found = path.stat()
            yield str(path.relative_to(entry.parent)), found.st_size, found.st_mtime_ns
