"""A place in the header of a GGUF file, and the values that follow it, read within bounds."""

import mmap
import struct
from typing import Any

import numpy as np

from pipeline.files.regular import MEBIBYTE

MAX_BYTES = 64 * MEBIBYTE
"""Of a header: those with a quarter of a million tokens have a tenth."""
_STRING, _ARRAY = 8, 9
_NUMBERS = ("B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d")
"""By GGUF's number of a type, how `struct` and NumPy call it; strings and arrays are none."""


class Length(int):
    """Of an array whose elements weren't asked for: stands in its place."""


class Cursor:
    """A place in the file, which never leaves the header's bounds.

    Attributes:
        at: its distance from the file's first byte.
    """

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

    def value(self, whole: bool = False) -> Any:
        """A value with its type before it.

        Args:
            whole: of an array its elements are wanted, strings in a list, numbers in an array of
                NumPy's; else it is passed over and only its length told.
        """
        (kind,) = self.numbers("I")
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._array(whole)
        return self.numbers(_number(kind))[0]

    def _array(self, whole: bool) -> Any:
        kind, count = self.numbers("IQ")
        length: int = count
        if kind == _STRING:
            self.bounded(length, 8)
            if whole:
                return [self.text() for _ in range(length)]
            for _ in range(length):
                self._step(self.numbers("Q")[0])
            return Length(length)
        numbers = np.dtype(f"<{_number(kind)}")
        start = self._step(length * numbers.itemsize)
        return np.frombuffer(self._data[start : self.at], numbers) if whole else Length(length)

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
