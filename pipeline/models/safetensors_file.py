"""Safetensors files: their tensors' numbers, copied or mapped, with torch and without.

The one reader of the project, for checkpoints and adapters.
"""

import mmap
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.files.regular import open_regular
from pipeline.models.files import AGAIN
from pipeline.models.safetensors_header import StoredTensor, read_header, read_metadata

if TYPE_CHECKING:
    from torch import Tensor

NUMPY: Mapping[str, "np.dtype[Any]"] = {
    **{"F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2")},
    "BF16": np.dtype("<u2"),
}
"""How weights may be stored, and how NumPy sees them: bfloat16, which it lacks, as its bits."""


class SafetensorsFile:
    """An open file, to be closed by whoever opened it; what is mapped of it stays mapped.

    Attributes:
        path: where it lies.
        tensors: by name, in the order of their bytes.
        metadata: texts beside them.
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
            self.tensors = read_header(self._file.fileno(), path)
            self.metadata = read_metadata(self._file.fileno())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
        self.read_into(found.reshape(-1).view(np.uint8).data, tensor.start)
        return found

    def pick(self, tensor: StoredTensor, rows: Iterable[int]) -> NDArray[Any]:
        """Some of a matrix's rows as they are stored, in memory of their own.

        Raises:
            EOFError: the file was cut short since it was opened.
        """
        width = tensor.nbytes // tensor.shape[0]
        parts = [os.pread(self.fileno(), width, tensor.start + row * width) for row in rows]
        data = bytearray().join(parts)
        if len(data) < width * len(parts):
            raise EOFError(f"{self.path} was cut short")
        return np.frombuffer(data, NUMPY[tensor.dtype]).reshape(len(parts), *tensor.shape[1:])

    def read_into(self, left: memoryview, at: int) -> None:
        """Bytes from a place in the file on, as many as there is room for; several may at a time.

        Raises:
            EOFError: the file was cut short since it was opened.
        """
        while left.nbytes:
            count = os.preadv(self.fileno(), [left], at)
            if not count:
                raise EOFError(f"{self.path} was cut short")
            left, at = left[count:], at + count

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


def stored_tensors(path: Path, remedy: str = AGAIN) -> dict[str, StoredTensor]:
    """What a file says of each of its tensors, by name; the tensors themselves aren't read.

    Args:
        path: the file.
        remedy: what to do if it is broken, for the error.

    Raises:
        UsageError: the file isn't there, is no regular file, isn't safetensors, or was cut short.
    """
    try:
        with SafetensorsFile(path) as file:
            return file.tensors
    except ValueError as error:
        raise UsageError(f"{path}: not whole ({error}); {remedy}") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {remedy}") from error
