"""A checkpoint's tensors, memory-mapped and taken a few rows at a time."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pipeline.engines.multilora.kernels.huge_pages import lazy_bytes
from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint

INDEX = "model.safetensors.index.json"


class Weights:
    """The tensors of a checkpoint by name; nothing is read before it is asked for."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._folder = checkpoint.folder
        try:
            self._files = {
                name: path
                for path in _files(checkpoint.folder)
                for name in _opened(path).keys()  # noqa: SIM118
            }
        except (OSError, SafetensorError) as error:
            raise UsageError(f"{self._folder}: unreadable weights ({error})") from error

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def vector(self, name: str) -> Tensor:
        """A small tensor, such as a norm's weight, fp32.

        Raises:
            UsageError: the checkpoint has no such tensor.
        """
        return self.rows(name)[:].float().clone()

    def optional_vector(self, name: str) -> Tensor | None:
        """The same, or None where the checkpoint has no such tensor."""
        return self.vector(name) if name in self else None

    def rows(self, name: str) -> "Rows":
        """A tensor to be sliced by rows, each slice read from disk as it is taken.

        Raises:
            UsageError: the checkpoint has no such tensor.
        """
        if name not in self._files:
            raise UsageError(f"{self._folder}: no tensor {name}; fetch the checkpoint again")
        return Rows(self._files[name], name)


@dataclass(frozen=True)
class Rows:
    """A stored tensor, to be sliced by rows.

    The file is mapped for each slice anew, and only as long as that lives: pages once read would
    else stay in memory, beside the packed weights.

    Attributes:
        path: its file.
        name: of the tensor.
    """

    path: Path
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return tuple(_opened(self.path).get_slice(self.name).get_shape())

    def __getitem__(self, rows: slice) -> Tensor:
        found: Tensor = _opened(self.path).get_slice(self.name)[rows]
        return found


def stacked(matrices: Sequence[Rows], rows: int) -> Iterator[Tensor]:
    """The matrices above one another, fp32, `rows` rows at a time; the last may be fewer.

    Each piece takes the place of the one before. That place isn't in the heap, where whatever is
    made in between would leave holes that no later piece fits.
    """
    columns = matrices[0].shape[1]
    total = sum(matrix.shape[0] for matrix in matrices)
    rows = min(rows, total)
    piece = lazy_bytes(4 * rows * columns).view(torch.float32).view(rows, columns)
    filled = 0
    for matrix in matrices:
        count, start = matrix.shape[0], 0
        while start < count:
            stop = min(count, start + rows - filled)
            piece[filled : filled + stop - start] = matrix[start:stop]
            filled, start = filled + stop - start, stop
            if filled == rows:
                yield piece
                filled = 0
    if filled:
        yield piece[:filled]


def _opened(path: Path) -> Any:
    return safe_open(path, framework="pt")


def _files(folder: Path) -> list[Path]:
    index = folder / INDEX
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    names = json.loads(index.read_text("utf-8"))["weight_map"].values()
    return [folder / name for name in sorted(set(names))]
