"""Where a safetensors file keeps its tensors, and of which shape and type they are."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from pipeline.errors import UsageError


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file.

    Attributes:
        path: the file.
        name: of the tensor.
        dtype: its numbers' type by safetensors' name, such as `F16` and `BF16`.
        shape: its dimensions.
        start: its first byte in the file.
        nbytes: its size there.
    """

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    nbytes: int


def stored_tensors(path: Path) -> dict[str, StoredTensor]:
    """What the file says of each of its tensors, by name; the tensors themselves aren't read.

    Its format: https://github.com/huggingface/safetensors#format

    Raises:
        UsageError: the file isn't there, isn't safetensors, or was cut short.
    """
    try:
        with safe_open(path, framework="numpy"):  # It holds the header against the file's size.
            pass
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            entries = json.loads(os.pread(file.fileno(), size, 8))
    except (OSError, SafetensorError) as error:
        said = " ".join(str(error).split())
        raise UsageError(f"{path}: not whole ({said}); fetch the checkpoint again") from error
    entries.pop("__metadata__", None)
    return {
        name: StoredTensor(
            path,
            name,
            entry["dtype"],
            tuple(entry["shape"]),
            start=8 + size + entry["data_offsets"][0],
            nbytes=entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for name, entry in entries.items()
    }
