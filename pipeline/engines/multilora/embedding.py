"""An input embedding that stays in its file: a step needs a row of it for each of its tokens."""

import os
from io import FileIO
from typing import Self

import numpy as np
from torch import Tensor

from pipeline.errors import UsageError
from pipeline.models.safetensors_file import NUMPY, as_tensor
from pipeline.models.safetensors_header import StoredTensor


class Embedding:
    """Reads rows as they are asked for, into no memory but the result's.

    The system keeps the file's pages while it has memory to spare, and is told to fetch them at
    once, so that the first requests don't wait for the disk.

    Attributes:
        nbytes: size of the whole in its file.
    """

    def __init__(self, file: FileIO, stored: StoredTensor) -> None:
        self._file, self._start, self._dtype = file, stored.start, NUMPY[stored.dtype]
        self.nbytes, self._width = stored.nbytes, stored.shape[1]
        self._row_bytes = self._width * self._dtype.itemsize

    @classmethod
    def open(cls, stored: StoredTensor) -> Self:
        """From a checkpoint's tensor.

        Raises:
            UsageError: its numbers are of a type that isn't known.
        """
        if stored.dtype not in NUMPY:
            raise UsageError(
                f"{stored.path}: {stored.name} is {stored.dtype}; store it as {', '.join(NUMPY)}"
            )
        file = FileIO(stored.path)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), stored.start, stored.nbytes, os.POSIX_FADV_WILLNEED)
        return cls(file, stored)

    def __getitem__(self, tokens: Tensor) -> Tensor:
        """Rows (N, width) of N tokens, as they are stored.

        Raises:
            EOFError: the file was cut short since it was opened.
        """
        file, size, start = self._file.fileno(), self._row_bytes, self._start
        rows = [os.pread(file, size, start + token * size) for token in tokens.tolist()]
        data = bytearray().join(rows)
        if len(data) < len(rows) * size:
            raise EOFError("the input embedding's file was cut short; fetch the checkpoint again")
        return as_tensor(np.frombuffer(data, self._dtype).reshape(len(rows), self._width))
