"""A checkpoint's JSON files."""

import json
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UsageError: it can't be read, or isn't JSON, or no object.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error}); fetch the checkpoint again") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: not a JSON object; fetch the checkpoint again")
    return document
