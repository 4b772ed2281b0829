"""Where a safetensors file keeps its tensors, and of which shape and type they are."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from pipeline.errors import UsageError
from pipeline.models.json_file import AGAIN, MOST
from pipeline.regular_file import open_regular


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
        UsageError: the file isn't there, is no regular file, isn't safetensors, or was cut short.
    """
    try:
        with open_regular(path) as file:
            size = int.from_bytes(file.read(8), "little")
            if size > MOST:
                raise UsageError(f"{path}: not safetensors: a header of {size} bytes; {AGAIN}")
            header = file.read(size)
        with safe_open(path, framework="numpy"):  # It holds the header against the file's size.
            pass
        entries = json.loads(header)
    except SafetensorError as error:
        said = " ".join(str(error).split())
        raise UsageError(f"{path}: not whole ({said}); {AGAIN}") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {AGAIN}") from error
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
