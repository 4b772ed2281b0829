"""Where a safetensors file keeps its tensors, for what is read without its library."""

import json
import os
from typing import Any


def header(file: int) -> tuple[int, dict[str, Any]]:
    """Where the tensors' bytes begin in an open file, and what it says of each.

    A tensor's entry has its `dtype`, its `shape`, and its `data_offsets` from there:
    https://github.com/huggingface/safetensors#format
    """
    size = int.from_bytes(os.pread(file, 8, 0), "little")
    entries: dict[str, Any] = json.loads(os.pread(file, size, 8))
    return 8 + size, entries
