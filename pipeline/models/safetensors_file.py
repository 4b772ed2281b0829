"""Safetensors files: where each tensor lies, of which type and shape it is, and its numbers.

The one reader of the project: https://github.com/huggingface/safetensors#format. A header is held
against the rules and the file's size before anything in it is believed, as strictly as the
`safetensors` library does it, which says of no tensor where it lies.
"""

import json
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.files.regular import open_regular
from pipeline.models.json_file import AGAIN, MOST

if TYPE_CHECKING:
    from torch import Tensor

BITS: Mapping[str, int] = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""Of a number, by the format's name of its type."""
NUMPY: Mapping[str, "np.dtype[Any]"] = {
    **{"F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2")},
    "BF16": np.dtype("<u2"),
}
"""How weights may be stored, and how NumPy sees them: bfloat16, which it lacks, as its bits."""
METADATA = "__metadata__"
MOST_DIMENSIONS = 32


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

    def rows(self, first: int, last: int) -> Self:
        """The part of it that rows from `first` on make, without `last`."""
        count = max(min(last, self.shape[0]) - first, 0)
        row = self.nbytes // self.shape[0] if self.shape[0] else 0
        shape = (count, *self.shape[1:])
        start = self.start + first * row
        return type(self)(self.path, self.name, self.dtype, shape, start, count * row)

    def pieces(self, most: int) -> Iterator[Self]:
        """All of it in parts of whole rows, of at most so many bytes where a row has no more."""
        if not self.shape:
            yield self
            return
        step = max(most * self.shape[0] // self.nbytes, 1) if self.nbytes else 1
        yield from (self.rows(at, at + step) for at in range(0, self.shape[0], step))


class SafetensorsFile:
    """An open file, to be closed by whoever opened it; what is mapped of it stays mapped.

    Attributes:
        path: where it lies.
        tensors: by name, in the order of their bytes.
    """

    def __init__(self, path: Path) -> None:
        """Open it and read its header.

        Raises:
            OSError: it isn't there, or is no regular file.
            ValueError: it isn't safetensors, or was cut short; the message says what of it.
        """
        self.path = path
        self._file = open_regular(path)
        try:
            self.tensors = _read_header(self._file.fileno(), path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def fileno(self) -> int:
        """Its descriptor, for native code."""
        return self._file.fileno()

    def read(self, tensor: StoredTensor) -> NDArray[Any]:
        """Its numbers as they are stored, in memory of their own.

        Raises:
            EOFError: the file was cut short since it was opened.
        """
        found = np.empty(tensor.shape, NUMPY[tensor.dtype])
        left, at = found.reshape(-1).view(np.uint8).data, tensor.start
        while left.nbytes:
            count = os.preadv(self.fileno(), [left], at)
            if not count:
                raise EOFError(f"{self.path} was cut short; {AGAIN}")
            left, at = left[count:], at + count
        return found

    def map(self, tensor: StoredTensor) -> NDArray[Any]:
        """Its numbers as they are stored, mapped: a page is read when it is first looked at.

        The pages are in memory as long as the array lives. It may be written to, which changes
        nothing in the file.
        """
        dtype = NUMPY[tensor.dtype]
        if not tensor.nbytes:
            return np.empty(tensor.shape, dtype)
        offset = tensor.start % mmap.ALLOCATIONGRANULARITY
        mapped = mmap.mmap(
            self.fileno(),
            offset + tensor.nbytes,
            access=mmap.ACCESS_COPY,
            offset=tensor.start - offset,
        )
        return (
            np.frombuffer(mapped, np.uint8, tensor.nbytes, offset).view(dtype).reshape(tensor.shape)
        )


def as_float32(numbers: NDArray[Any]) -> NDArray[np.float32]:
    """Stored numbers in fp32; bits of bfloat16 are the upper half of it."""
    if numbers.dtype == NUMPY["BF16"]:
        return (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers.astype(np.float32, copy=False)


def as_tensor(numbers: NDArray[Any]) -> "Tensor":
    """Stored numbers as torch has them, in the same memory."""
    import torch

    tensor = torch.from_numpy(numbers)
    return tensor.view(torch.bfloat16) if numbers.dtype == NUMPY["BF16"] else tensor


def stored_tensors(path: Path) -> dict[str, StoredTensor]:
    """What a file says of each of its tensors, by name; the tensors themselves aren't read.

    Raises:
        UsageError: the file isn't there, is no regular file, isn't safetensors, or was cut short.
    """
    try:
        with SafetensorsFile(path) as file:
            return file.tensors
    except ValueError as error:
        raise UsageError(f"{path}: not whole ({error}); {AGAIN}") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {AGAIN}") from error


def _read_header(file: int, path: Path) -> dict[str, StoredTensor]:
    end = os.fstat(file).st_size
    size = int.from_bytes(os.pread(file, 8, 0), "little")
    start = 8 + size
    if end < start:
        raise ValueError(f"a header of {size} bytes in a file of {end}")
    if size > MOST:
        raise ValueError(f"a header of {size} bytes, of which {MOST} are read")
    tensors = [
        _stored(path, name, entry, start) for name, entry in _entries(os.pread(file, size, 8))
    ]
    tensors.sort(key=lambda each: (each.start, each.nbytes))
    for each in tensors:
        if each.start != start:
            raise ValueError(f"{each.name!r:.80} doesn't begin where the one before it ends")
        start += each.nbytes
    if start != end:
        raise ValueError(f"its tensors end at byte {start}, the file at {end}")
    return {each.name: each for each in tensors}


def _entries(header: bytes) -> Iterable[tuple[str, Any]]:
    try:
        entries = json.loads(header.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("its header is nested too deeply") from error
    if not isinstance(entries, dict):
        raise ValueError("its header is no JSON object")
    metadata = entries.pop(METADATA, None)
    if metadata is not None and not (
        isinstance(metadata, dict) and all(isinstance(each, str) for each in metadata.values())
    ):
        raise ValueError(f"{METADATA} isn't an object of texts")
    return entries.items()


def _stored(path: Path, name: str, entry: Any, start: int) -> StoredTensor:
    try:
        dtype, shape, (first, last) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        bits = BITS[dtype]
        name.encode()
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its entry {name!a:.80} is no tensor's") from error
    sizes = (*shape, first, last)
    if len(shape) > MOST_DIMENSIONS or not all(type(n) is int and 0 <= n < 1 << 63 for n in sizes):
        raise ValueError(f"its entry {name!a:.80} is of no shape or place")
    if bits * prod(shape) != 8 * (last - first):
        raise ValueError(f"{name!a:.80} has {last - first} bytes, {dtype} {[*shape]} needs others")
    return StoredTensor(path, name, dtype, shape, start + first, last - first)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("its header says something twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"its header holds {text}")
