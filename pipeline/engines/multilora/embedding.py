"""The input embedding, which stays in its file: a step needs a row of it for each of its tokens."""

import os
from io import FileIO
from typing import Self

import torch
from torch import Tensor

from pipeline.errors import UsageError
from pipeline.models.safetensors_header import StoredTensor

TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""How numbers may be stored, by safetensors' names."""


class Embedding:
    """Reads rows as they are asked for, into no memory but the result's.

    The system keeps the file's pages while it has memory to spare, and is told to fetch them at
    once, so that the first requests don't wait for the disk.

    Attributes:
        nbytes: size of the whole in its file.
    """

    def __init__(self, file: FileIO, start: int, rows: int, width: int, dtype: torch.dtype) -> None:
        self._file, self._start, self._width, self._dtype = file, start, width, dtype
        self._row_bytes = width * dtype.itemsize
        self.nbytes = rows * self._row_bytes

    @classmethod
    def open(cls, stored: StoredTensor) -> Self:
        """From a checkpoint's tensor.

        Raises:
            UsageError: its numbers are of a type that isn't known.
        """
        if stored.dtype not in TYPES:
            raise UsageError(
                f"{stored.path}: {stored.name} is {stored.dtype}; store it as {', '.join(TYPES)}"
            )
        file = FileIO(stored.path)
        rows, width = stored.shape
        found = cls(file, stored.start, rows, width, TYPES[stored.dtype])
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), found._start, found.nbytes, os.POSIX_FADV_WILLNEED)
        return found

    def __getitem__(self, tokens: Tensor) -> Tensor:
        """Rows (N, width) of N tokens, as they are stored.

        Raises:
            EOFError: the file was cut short since it was opened.
        """
        data = bytearray().join(map(self._row, tokens.tolist()))
        if len(data) < len(tokens) * self._row_bytes:
            raise EOFError("the input embedding's file was cut short; fetch the checkpoint again")
        return torch.frombuffer(data, dtype=self._dtype).view(len(tokens), self._width)

    def _row(self, token: int) -> bytes:
        return os.pread(self._file.fileno(), self._row_bytes, self._start + token * self._row_bytes)
