"""The numbers of a GGUF file's tensors in fp32, some rows at a time, in transformers' order."""

import os
from collections.abc import Iterable
from typing import Self

import gguf
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.files.regular import open_regular
from pipeline.gguf.file import GgufFile

FLOATS = ("f32", "f16", "bf16")
"""Types whose numbers stand for themselves."""
TYPES = (
    *FLOATS,
    *("q8_0", "q4_0", "q4_1", "q5_0", "q5_1"),
    *("q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs"),
)
"""Those that are read, by ggml's names in small letters."""


def check_types(file: GgufFile, names: Iterable[str]) -> None:
    """Refuse tensors whose numbers aren't read.

    Raises:
        UsageError: with the first one's name and type.
    """
    for name in names:
        if (kind := file.tensors[name].type) not in TYPES:
            raise UsageError(
                f"{file.path}: {name} is of type {kind}; those that are read are {', '.join(TYPES)}"
            )


class GgufRows:
    """An open GGUF file, whose tensors are read a few rows at a time.

    What it gives is what ggml's own `to_float` of the type gives, bit for bit.
    """

    def __init__(self, file: GgufFile) -> None:
        """Open it.

        Raises:
            UsageError: it can't be opened.
        """
        self._tensors, self._path = file.tensors, file.path
        try:
            self._file = open_regular(file.path)
        except OSError as error:
            raise UsageError(f"{file.path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def stored(self, name: str, first: int, last: int) -> NDArray[np.uint8]:
        """Rows of a tensor as they are stored, (rows, bytes of a row); of a vector it is the row.

        Raises:
            UsageError: the file was cut short since its header was read.
        """
        tensor = self._tensors[name]
        rows = tensor.shape[0] if tensor.shape[1:] else 1
        width = tensor.nbytes // rows
        wanted = (min(last, rows) - first) * width
        data = os.pread(self._file.fileno(), wanted, tensor.start + first * width)
        while len(data) < wanted:
            at = tensor.start + first * width + len(data)
            if not (more := os.pread(self._file.fileno(), wanted - len(data), at)):
                raise UsageError(f"{self._path}: was cut short while it was read; fetch it again")
            data += more
        return np.frombuffer(data, np.uint8).reshape(-1, width)

    def rows(self, name: str, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """The same as numbers; of a vector all of them.

        Args:
            name: of a tensor of a type among `TYPES`.
            first: row.
            last: the row behind the last; None for all.
        """
        tensor = self._tensors[name]
        end = tensor.shape[0] if last is None else last
        kind = gguf.GGMLQuantizationType[tensor.type.upper()]
        numbers = gguf.dequantize(self.stored(name, first, end), kind)
        found = np.ascontiguousarray(numbers, np.float32)
        return found.reshape(-1, *tensor.shape[1:])
