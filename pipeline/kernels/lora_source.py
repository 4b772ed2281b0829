"""Where an adapter's tensors lie in its safetensors file, and reading them in plain NumPy."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.abi import ABI
from pipeline.kernels.lora_layout import PLACE, SOURCE
from pipeline.models.safetensors_file import NUMPY, as_float32
from pipeline.models.safetensors_header import StoredTensor

TYPES: dict[str, int] = {
    name: ABI.constants[f"TYPE_{name}"] for name in ("F32", "F16", "BF16", "F64")
}
"""How numbers may be stored, by safetensors' names, and their numbers in the native kernels."""


def sources(
    stored: Mapping[str, StoredTensor],
    names: Sequence[str],
    factors: NDArray[np.float32],
    places: NDArray[Any],
) -> NDArray[Any]:
    """The table of a file's tensors, one row of `SOURCE` each, checked against the layout.

    Args:
        stored: what the file's header says of each of its tensors.
        names: of the tensors, in the order of their places.
        factors: by which each is multiplied.
        places: where their rows go, of `AdapterLayout.places`.

    Raises:
        ValueError: the file has changed since its shapes were read, or its numbers are of a type
            that isn't known.
    """
    table = np.empty(len(names), SOURCE)
    table[list(PLACE.names or ())] = places
    table["factor"] = factors
    for row, name in zip(table, names, strict=True):
        entry = stored.get(name)
        if entry is None or entry.shape != (row["rows"], row["columns"]):
            raise ValueError(f"{name} isn't what it was when its shape was read; start again")
        if entry.dtype not in TYPES:
            raise ValueError(f"{name} is stored as {entry.dtype}; use {', '.join(TYPES)}")
        row["source"], row["type"] = entry.start, TYPES[entry.dtype]
    return table


def tensors(file: int, table: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    """Each tensor of the table, fp32, multiplied.

    Raises:
        EOFError: the file is cut short.
    """
    types = {number: NUMPY[name] for name, number in TYPES.items()}
    for row in table:
        shape, stored = (int(row["rows"]), int(row["columns"])), types[int(row["type"])]
        size = shape[0] * shape[1] * stored.itemsize
        data = os.pread(file, size, int(row["source"]))
        if len(data) < size:
            raise EOFError("the file is cut short")
        yield as_float32(np.frombuffer(data, stored).reshape(shape)) * row["factor"]
