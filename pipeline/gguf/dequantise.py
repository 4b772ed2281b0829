"""The numbers of a GGUF file's tensors in fp32, some rows at a time, in transformers' order."""

import os
from collections.abc import Iterable
from math import prod
from typing import Any, Self

import gguf
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.files.regular import open_regular
from pipeline.gguf.file import GgufFile
from pipeline.models.safetensors_file import NUMPY, as_float32

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
        tensor = file.tensors[name]
        read = TYPES if tensor.shape[1:] else FLOATS
        if tensor.type not in read:
            what = "matrices" if tensor.shape[1:] else "vectors"
            raise UsageError(
                f"{file.path}: {name} is of type {tensor.type}; {what} that are read are of "
                f"{', '.join(read)}"
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

    def fileno(self) -> int:
        """Its descriptor."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def stored(self, name: str, first: int, last: int) -> NDArray[np.uint8]:
        """Rows of a tensor as they are stored, (rows, bytes of a row); of a vector it is the row.

        Those of a stack of matrices are counted through all of them.

        Raises:
            UsageError: the file was cut short since its header was read.
        """
        tensor = self._tensors[name]
        rows = prod(tensor.shape[:-1])
        width = tensor.nbytes // rows
        data = np.empty((min(last, rows) - first, width), np.uint8)
        left, at = data.reshape(-1).data, tensor.start + first * width
        while left.nbytes:
            if not (count := os.preadv(self.fileno(), [left], at)):
                raise UsageError(f"{self._path}: was cut short while it was read; fetch it again")
            left, at = left[count:], at + count
        return data

    def pick(self, name: str, wanted: Iterable[int]) -> NDArray[Any]:
        """Some rows of a matrix, as `numbers` gives them.

        Raises:
            UsageError: as above.
        """
        parts = [self.stored(name, row, row + 1) for row in wanted]
        return self._decoded(name, np.concatenate(parts))

    def numbers(self, name: str, first: int = 0, last: int | None = None) -> NDArray[Any]:
        """Rows as they are stored where they stand for themselves, else in fp32; see `NUMPY`."""
        tensor = self._tensors[name]
        end = prod(tensor.shape[:-1]) if last is None else last
        return self._decoded(name, self.stored(name, first, end))

    def _decoded(self, name: str, data: NDArray[np.uint8]) -> NDArray[Any]:
        tensor = self._tensors[name]
        kind = tensor.type.upper()
        if tensor.type in FLOATS:
            found = data.view(NUMPY[kind])
        else:
            found = gguf.dequantize(data, gguf.GGMLQuantizationType[kind])
        return found.reshape(-1, tensor.shape[-1]) if tensor.shape[1:] else found.reshape(-1)

    def rows(self, name: str, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """Rows in fp32; of a vector all of them.

        Args:
            name: of a tensor of a type among `TYPES`.
            first: row.
            last: the row behind the last; None for all.
        """
        return as_float32(self.numbers(name, first, last))
