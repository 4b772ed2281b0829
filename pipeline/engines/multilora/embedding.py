"""An input embedding that stays in its file: a step needs a row of it for each of its tokens."""

import os
from typing import Self

from torch import Tensor

from pipeline.errors import UsageError
from pipeline.models.safetensors_file import NUMPY, SafetensorsFile, as_tensor
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.tensor_file import Opener, TensorFile


class Embedding:
    """Reads rows as they are asked for, into no memory but the result's.

    The system keeps the file's pages while it has memory to spare, and is told to fetch them at
    once, so that the first requests don't wait for the disk.

    Attributes:
        nbytes: size of the whole in its file.
    """

    def __init__(self, file: TensorFile, stored: StoredTensor) -> None:
        self._file, self._stored = file, stored
        self.nbytes = stored.nbytes

    @classmethod
    def open(cls, stored: StoredTensor, opener: Opener = SafetensorsFile) -> Self:
        """From a checkpoint's tensor.

        Args:
            stored: where it lies.
            opener: opens its file.

        Raises:
            UsageError: its numbers are of a type that isn't known.
        """
        if stored.dtype not in NUMPY:
            raise UsageError(
                f"{stored.path}: {stored.name} is {stored.dtype}; store it as {', '.join(NUMPY)}"
            )
        file = opener(stored.path)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), stored.start, stored.nbytes, os.POSIX_FADV_WILLNEED)
        return cls(file, stored)

    def __getitem__(self, tokens: Tensor) -> Tensor:
        """Rows (N, width) of N tokens, as they are stored; zeros for tokens that have none.

        Raises:
            EOFError: the file was cut short since it was opened.
        """
        ids, last = tokens.tolist(), self._stored.shape[0] - 1
        rows = as_tensor(self._file.pick(self._stored, (min(id_, last) for id_ in ids)))
        if max(ids, default=0) > last:
            rows[tokens > last] = 0
        return rows
