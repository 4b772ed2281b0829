"""What files hold, as one hash."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint(files: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of `files`, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda each: each.name):
        with path.open("rb") as file:
            digest.update(f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()
