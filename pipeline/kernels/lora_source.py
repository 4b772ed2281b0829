"""Where an adapter's tensors lie in its safetensors file, and reading them in plain NumPy."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.abi import ABI
from pipeline.kernels.lora_layout import PLACE, SOURCE, AdapterLayout

TYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "F64": np.dtype("<f8"),
}
"""How numbers may be stored, by safetensors' names."""


def sources(
    file: int, names: Sequence[str], factors: NDArray[np.float32], layout: AdapterLayout
) -> NDArray[Any]:
    """The table of an open file's tensors, one row of `SOURCE` each, checked against the layout.

    Args:
        file: descriptor of a safetensors file.
        names: of the tensors, in the order of `AdapterLayout.places`.
        factors: by which each is multiplied.
        layout: where their rows go.

    Raises:
        ValueError: the file has changed since its shapes were read, or its numbers are of a type
            that isn't known.
    """
    start, entries = _header(file)
    table = np.empty(len(names), SOURCE)
    table[list(PLACE.names or ())] = layout.places
    table["factor"] = factors
    for row, name in zip(table, names, strict=True):
        entry = entries.get(name, {})
        if entry.get("shape") != [row["rows"], row["columns"]]:
            raise ValueError(f"{name} isn't what it was when its shape was read; start again")
        if entry["dtype"] not in TYPES:
            raise ValueError(f"{name} is stored as {entry['dtype']}; use {', '.join(TYPES)}")
        row["source"] = start + entry["data_offsets"][0]
        row["type"] = ABI.constants[f"TYPE_{entry['dtype']}"]
    return table


def tensors(file: int, table: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    """Each tensor of the table, fp32, multiplied.

    Raises:
        EOFError: the file is cut short.
    """
    types: dict[int, np.dtype[Any]] = {
        ABI.constants[f"TYPE_{name}"]: stored for name, stored in TYPES.items()
    }
    for row in table:
        shape, stored = (int(row["rows"]), int(row["columns"])), types[int(row["type"])]
        size = shape[0] * shape[1] * stored.itemsize
        data = os.pread(file, size, int(row["source"]))
        if len(data) < size:
            raise EOFError("the file is cut short")
        numbers = np.frombuffer(data, stored).reshape(shape)
        if stored == TYPES["BF16"]:
            numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
        yield numbers.astype(np.float32) * row["factor"]


def _header(file: int) -> tuple[int, dict[str, Any]]:
    """Where the tensors' bytes begin in an open file, and what it says of each.

    A tensor's entry has its `dtype`, its `shape`, and its `data_offsets` from there:
    https://github.com/huggingface/safetensors#format
    """
    size = int.from_bytes(os.pread(file, 8, 0), "little")
    entries: dict[str, Any] = json.loads(os.pread(file, size, 8))
    return 8 + size, entries
