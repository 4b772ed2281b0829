"""Safetensors files written piece by piece: what they hold is never in memory whole.

The format: https://github.com/huggingface/safetensors#format.
"""

import json
from collections.abc import Mapping
from math import prod
from typing import BinaryIO

from pipeline.models.safetensors_header import BITS, METADATA

ALIGNMENT = 8
"""Of the first tensor's place in the file, in bytes."""

Declared = Mapping[str, tuple[str, tuple[int, ...]]]
"""Type, by safetensors' name of it, and shape of each tensor by its name."""


def write_header(
    file: BinaryIO, tensors: Declared, metadata: Mapping[str, str] | None = None
) -> None:
    """Begin a file; the tensors' bytes are to follow in that order, without gaps.

    Args:
        file: to write to, at its beginning.
        tensors: that will follow.
        metadata: texts beside them.
    """
    entries: dict[str, object] = {METADATA: dict(metadata)} if metadata else {}
    start = 0
    for name, (dtype, shape) in tensors.items():
        stop = start + BITS[dtype] * prod(shape) // 8
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": (start, stop)}
        start = stop
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % ALIGNMENT)
    file.write(len(header).to_bytes(8, "little") + header)
