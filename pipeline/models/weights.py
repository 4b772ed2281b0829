"""A checkpoint's tensors, one at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from safetensors import safe_open

from pipeline.models.safetensors_file import StoredTensor, stored_tensors

if TYPE_CHECKING:
    from torch import Tensor

PIECE = 1 << 24
"""Bytes that are compared at a time."""


@dataclass(frozen=True)
class StoredWeights:
    """The tensors of a checkpoint, in one file or in shards.

    Attributes:
        files: that hold them.
        tensors: where each lies, and its shape and type, by name.
    """

    files: tuple[Path, ...]
    tensors: Mapping[str, StoredTensor] = field(repr=False)

    @classmethod
    def read(cls, files: Iterable[Path]) -> Self:
        """What the files' headers say; of two tensors of one name, the later file's counts.

        Raises:
            UsageError: a file isn't safetensors, or was cut short.
        """
        found = tuple(files)
        return cls(found, {k: each for path in found for k, each in stored_tensors(path).items()})

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def load(self, name: str) -> "Tensor":
        """That tensor, as it is stored."""
        with safe_open(self.tensors[name].path, framework="pt") as stored:
            tensor: Tensor = stored.get_tensor(name)
            return tensor

    def alike(self, one: str, other: str) -> bool:
        """Whether two tensors are the same to the last bit."""
        first, second = self.tensors[one], self.tensors[other]
        if (first.dtype, first.shape) != (second.dtype, second.shape):
            return False
        with first.path.open("rb") as left, second.path.open("rb") as right:
            left.seek(first.start)
            right.seek(second.start)
            sizes = range(0, first.nbytes, PIECE)
            counts = (min(PIECE, first.nbytes - start) for start in sizes)
            return all(left.read(count) == right.read(count) for count in counts)
