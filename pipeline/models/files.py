"""The files of checkpoints and adapters: which are there, what JSON ones say, and their hash."""

import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.files.regular import MEBIBYTE, check_regular, read_regular
from pipeline.models.content_hash import sha256_of

MAX_JSON_BYTES = 16 * MEBIBYTE
"""Bytes of a file: indices of a thousand shards and configurations have less."""
AGAIN = "fetch the checkpoint again"
"""What to do about a broken file, unless it is another's than a checkpoint's."""


def is_there(path: Path) -> bool:
    """Whether a file is there.

    Raises:
        UsageError: something else than a file is, or a link that leads nowhere.
    """
    if not path.exists() and not path.is_symlink():
        return False
    try:
        check_regular(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {AGAIN}") from error
    return True


def read_object(path: Path, remedy: str = AGAIN, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: the file.
        remedy: what to do if it isn't one, for the error.
        max_bytes: bytes that it may have.

    Raises:
        UsageError: it can't be read, is no regular file or too large, or isn't JSON, or no object.
    """
    try:
        document = json.loads(read_regular(path, max_bytes).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error}); {remedy}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: not a JSON object; {remedy}")
    return document


def is_number(value: Any) -> bool:
    """Whether what stands in such a file is a finite number, of those that a float has."""
    try:
        return not isinstance(value, bool) and math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def fingerprint(files: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of `files`, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda each: each.name):
        digest.update(f"{path.name}:{sha256_of(path)}".encode())
    return digest.hexdigest()
