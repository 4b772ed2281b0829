"""The header of a GGUF file, read within bounds: every count in it is held against its size.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from pipeline.files.regular import MEBIBYTE, open_regular

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT = "general.alignment"
MAX_BYTES = 64 * MEBIBYTE
"""Of a header: those with a quarter of a million tokens have a tenth."""
MAX_DIMENSIONS = 4
_STRING, _ARRAY = 8, 9
_NUMBERS = ("B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d")
"""By GGUF's number of a type, how `struct` calls it; strings and arrays are none."""


@dataclass(frozen=True)
class GgufTensor:
    """One tensor of a file.

    Attributes:
        shape: its dimensions, rows first.
        type: how its numbers are stored, by ggml's name in small letters.
        nbytes: its size in the file.
    """

    shape: tuple[int, ...]
    type: str
    nbytes: int


def read_header(path: Path) -> tuple[dict[str, Any], dict[str, GgufTensor]]:
    """Metadata by key, of arrays only the length; and the tensors by name.

    Raises:
        OSError: it is no regular file, or can't be read.
        ValueError: it isn't GGUF, or its header isn't one; the message says what of it.
    """
    with open_regular(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("not a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _read(_Cursor(data, len(MAGIC)), len(data))
            except struct.error as error:
                raise ValueError("it ends within its header") from error


def _read(cursor: "_Cursor", size: int) -> tuple[dict[str, Any], dict[str, GgufTensor]]:
    version, count, pairs = cursor.numbers("IQQ")
    if version not in VERSIONS:
        raise ValueError(f"version {version}, not {' or '.join(map(str, VERSIONS))}")
    metadata = {cursor.text(): cursor.value() for _ in range(cursor.bounded(pairs, 13))}
    found = {
        name: (tensor, offset)
        for name, tensor, offset in _tensors(cursor, cursor.bounded(count, 32))
    }
    alignment = metadata.get(ALIGNMENT, 32)
    if type(alignment) is not int or alignment < 1 or alignment > MEBIBYTE:
        raise ValueError(f"{ALIGNMENT} is {alignment!r:.80}")
    start = -(-cursor.at // alignment) * alignment
    if len(found) < count:
        raise ValueError("two tensors of one name")
    for name, (tensor, offset) in found.items():
        if offset % alignment or start + offset + tensor.nbytes > size:
            raise ValueError(f"tensor {name!r:.80} lies beyond its end")
    return metadata, {name: tensor for name, (tensor, _) in found.items()}


def _tensors(cursor: "_Cursor", count: int) -> Iterator[tuple[str, GgufTensor, int]]:
    """Name, tensor, and its offset in the data."""
    import gguf

    types = {int(each): each for each in gguf.GGML_QUANT_SIZES}
    for _ in range(count):
        name = cursor.text()
        (dimensions,) = cursor.numbers("I")
        if not 0 < dimensions <= MAX_DIMENSIONS:
            raise ValueError(f"tensor {name!r:.80} has {dimensions} dimensions")
        shape = tuple(reversed(cursor.numbers(f"{dimensions}Q")))
        kind, offset = cursor.numbers("IQ")
        if kind not in types:
            raise ValueError(f"tensor {name!r:.80} is of type {kind}, which isn't known")
        block, size = gguf.GGML_QUANT_SIZES[types[kind]]
        if not prod(shape) or shape[-1] % block:
            raise ValueError(f"tensor {name!r:.80} has the impossible shape {list(shape)}")
        nbytes = prod(shape) // block * size
        yield name, GgufTensor(shape, types[kind].name.lower(), nbytes), offset


class _Cursor:
    """A place in the file, which never leaves the header's bounds."""

    def __init__(self, data: mmap.mmap, at: int) -> None:
        self._data, self.at = data, at
        self._end = min(len(data), MAX_BYTES)

    def numbers(self, kinds: str) -> tuple[Any, ...]:
        """The next numbers, little-endian, of types as `struct` calls them."""
        start = self._step(struct.calcsize(f"<{kinds}"))
        return struct.unpack_from(f"<{kinds}", self._data, start)

    def bounded(self, count: int, size: int) -> int:
        """The count, if so many things of that size at least can follow."""
        if count * size > self._end - self.at:
            raise ValueError(f"{count} entries are more than its header has room for")
        return count

    def text(self) -> str:
        """A string: its length and its bytes."""
        (length,) = self.numbers("Q")
        start = self._step(length)
        return str(self._data[start : start + length], "utf-8", "backslashreplace")

    def value(self) -> Any:
        """A value with its type before it; of an array only the length."""
        (kind,) = self.numbers("I")
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._array()
        return self.numbers(_number(kind))[0]

    def _array(self) -> int:
        kind, count = self.numbers("IQ")
        length: int = count
        if kind == _STRING:
            for _ in range(self.bounded(length, 8)):
                self._step(self.numbers("Q")[0])
        else:
            self._step(length * struct.calcsize(f"<{_number(kind)}"))
        return length

    def _step(self, size: int) -> int:
        start = self.at
        if size > self._end - start:
            raise ValueError("it ends within its header")
        self.at += size
        return start


def _number(kind: int) -> str:
    if kind >= len(_NUMBERS) or not _NUMBERS[kind]:
        raise ValueError(f"a value of type {kind}, which isn't known")
    return _NUMBERS[kind]
