"""The header of a safetensors file, believed only once it is held against the file.

The format: https://github.com/huggingface/safetensors#format. It is held against the rules and
the file's size as strictly as the `safetensors` library does it, which says of no tensor where it
lies.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Self

from pipeline.models.files import MAX_JSON_BYTES

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
METADATA = "__metadata__"
KEYS = ("dtype", "shape", "data_offsets", METADATA)
MAX_DIMENSIONS = 32


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file.

    Attributes:
        path: the file.
        name: of the tensor.
        dtype: its numbers' type by safetensors' name, such as `F16` and `BF16`; of another format's
            tensor that of the numbers it is read as.
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

    def pieces(self, max_bytes: int) -> Iterator[Self]:
        """All of it in parts of whole rows, which take so many bytes at most if a row does."""
        if not self.shape:
            yield self
            return
        size = BITS[self.dtype] * prod(self.shape) // 8
        step = max(max_bytes * self.shape[0] // size, 1) if size else 1
        yield from (self.rows(at, at + step) for at in range(0, self.shape[0], step))


def read_header(file: int, path: Path) -> dict[str, StoredTensor]:
    """Where each tensor of an open file lies, by name, in the order of their bytes.

    Args:
        file: descriptor.
        path: that it was opened by.

    Raises:
        ValueError: it isn't safetensors, or was cut short; the message says what of it.
    """
    end = os.fstat(file).st_size
    size = int.from_bytes(os.pread(file, 8, 0), "little")
    start = 8 + size
    if end < start:
        raise ValueError(f"a header of {size} bytes in a file of {end}")
    if size > MAX_JSON_BYTES:
        raise ValueError(f"a header of {size} bytes, of which {MAX_JSON_BYTES} are read")
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


def read_metadata(file: int) -> dict[str, str]:
    """The texts beside the tensors of an open file whose header was found whole."""
    size = int.from_bytes(os.pread(file, 8, 0), "little")
    found: dict[str, str] = json.loads(os.pread(file, size, 8)).get(METADATA) or {}
    return found


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
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n < 1 << 63 for n in sizes):
        raise ValueError(f"its entry {name!a:.80} is of no shape or place")
    if bits * prod(shape) != 8 * (last - first):
        raise ValueError(f"{name!a:.80} has {last - first} bytes, {dtype} {[*shape]} needs others")
    return StoredTensor(path, name, dtype, shape, start + first, last - first)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a tensor's name that stands twice the later entry counts, as in the library."""
    keys = [key for key, _ in pairs if key in KEYS]
    if len({*keys}) < len(keys):
        raise ValueError("its header says something of a tensor twice")
    return dict(pairs)


def _no_number(text: str) -> float:
    raise ValueError(f"its header holds {text}")
