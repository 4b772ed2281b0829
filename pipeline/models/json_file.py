"""The JSON files of checkpoints and adapters."""

import json
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.regular_file import MEGABYTE, read_regular

MOST = 16 * MEGABYTE
"""Bytes of a file: indices of a thousand shards and configurations have less."""
AGAIN = "fetch the checkpoint again"


def read_object(path: Path, remedy: str = AGAIN, most: int = MOST) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: the file.
        remedy: what to do if it isn't one, for the error.
        most: bytes that it may have.

    Raises:
        UsageError: it can't be read, is no regular file or too large, or isn't JSON, or no object.
    """
    try:
        document = json.loads(read_regular(path, most).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error}); {remedy}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: not a JSON object; {remedy}")
    return document
