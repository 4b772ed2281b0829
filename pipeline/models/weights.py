"""The tensors of a checkpoint, in one file or in shards, or of an adapter."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.models.files import AGAIN
from pipeline.models.safetensors_file import SafetensorsFile, as_tensor, stored_tensors
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.tensor_file import Opener, TensorFile

if TYPE_CHECKING:
    from torch import Tensor

PIECE = 1 << 24
"""Bytes that are compared at a time."""


@dataclass(frozen=True)
class StoredWeights:
    """What is known of tensors without reading one.

    Attributes:
        files: that hold them.
        tensors: where each lies, and its shape and type, by name.
        remedy: what to do about a broken file, for errors.
        opener: opens one of the files.
    """

    files: tuple[Path, ...]
    tensors: Mapping[str, StoredTensor] = field(repr=False)
    remedy: str = AGAIN
    opener: Opener = field(default=SafetensorsFile, repr=False)

    @classmethod
    def read(cls, files: Iterable[Path], remedy: str = AGAIN) -> Self:
        """What the files' headers say; of two tensors of one name, the later file's counts.

        Raises:
            UsageError: a file isn't safetensors, or was cut short.
        """
        found = tuple(files)
        headers = (stored_tensors(path, remedy).items() for path in found)
        return cls(found, {name: each for stored in headers for name, each in stored}, remedy)

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def open(self) -> "OpenWeights":
        """The files opened, for whoever reads numbers; to be entered by `with`.

        Raises:
            UsageError: one isn't what it was when its header was read.
        """
        return OpenWeights(self)

    def alike(self, one: str, other: str) -> bool:
        """Whether two tensors are the same to the last bit."""
        first, second = self.tensors[one], self.tensors[other]
        if (first.dtype, first.shape) != (second.dtype, second.shape):
            return False
        with self.open() as opened:
            pairs = zip(first.pieces(PIECE), second.pieces(PIECE), strict=True)
            return all(_same(*map(opened.read, pair)) for pair in pairs)


class OpenWeights:
    """The files of `StoredWeights`, each opened once; what is mapped outlives their closing.

    Attributes:
        opener: opens one of the files once more, for whoever keeps it.
    """

    def __init__(self, weights: StoredWeights) -> None:
        self._tensors, self._remedy = weights.tensors, weights.remedy
        self.opener = weights.opener
        self._files: dict[Path, TensorFile] = {}
        with ExitStack() as opened:
            for path in weights.files:
                self._files[path] = opened.enter_context(closing(_opened(path, weights)))
            self._closing = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> StoredTensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[StoredTensor]:
        return iter(self._tensors.values())

    def read(self, tensor: StoredTensor) -> NDArray[Any]:
        """A tensor, or rows of one, in memory of their own; see `SafetensorsFile.read`.

        Raises:
            UsageError: its file was cut short since it was opened.
        """
        try:
            return self._files[tensor.path].read(tensor)
        except EOFError as error:
            raise UsageError(f"{error}; {self._remedy}") from error

    def map(self, tensor: StoredTensor) -> NDArray[Any]:
        """A tensor, or rows of one, mapped; see `SafetensorsFile.map`."""
        return self._files[tensor.path].map(tensor)

    def tensor(self, tensor: StoredTensor) -> "Tensor":
        """The same for torch."""
        return as_tensor(self.map(tensor))


def _opened(path: Path, weights: StoredWeights) -> TensorFile:
    try:
        file = weights.opener(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}; {weights.remedy}") from error
    known = (each for each in weights.tensors.values() if each.path == path)
    if any(file.tensors.get(each.name) != each for each in known):
        file.close()
        raise UsageError(f"{path}: isn't what it was when its header was read; start again")
    return file


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.tobytes() == other.tobytes()
