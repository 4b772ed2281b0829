"""What a file of tensors gives to whoever reads numbers, whatever format it is of."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from pipeline.models.safetensors_header import StoredTensor


class TensorFile(Protocol):
    """An open file, to be closed by whoever opened it."""

    @property
    def tensors(self) -> Mapping[str, StoredTensor]:
        """What is known of each, by name."""

    def read(self, tensor: StoredTensor) -> NDArray[Any]:
        """Numbers of one of them, or of rows of one, in memory of their own.

        Raises:
            EOFError: the file was cut short since it was opened.
        """

    def map(self, tensor: StoredTensor) -> NDArray[Any]:
        """The same, mapped where the format allows it."""

    def pick(self, tensor: StoredTensor, rows: Iterable[int]) -> NDArray[Any]:
        """Some of a matrix's rows.

        Raises:
            EOFError: as above.
        """

    def fileno(self) -> int:
        """Its descriptor."""

    def close(self) -> None:
        """Close it; what is mapped of it stays mapped."""


Opener = Callable[[Path], TensorFile]
"""Opens a file; raises OSError, ValueError or UsageError where it can't."""
