"""A checkpoint's tensors, memory-mapped and taken a few rows at a time."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

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
        vector: Tensor = self.rows(name)[:].float()
        return vector

    def optional_vector(self, name: str) -> Tensor | None:
        """The same, or None where the checkpoint has no such tensor."""
        return self.vector(name) if name in self else None

    def rows(self, name: str) -> Any:
        """A tensor to be sliced by rows, each slice read from disk as it is taken.

        Its file is mapped for this tensor alone: pages once read would else stay in memory.

        Raises:
            UsageError: the checkpoint has no such tensor.
        """
        if name not in self._files:
            raise UsageError(f"{self._folder}: no tensor {name}; fetch the checkpoint again")
        return _opened(self._files[name]).get_slice(name)


def stacked(matrices: Sequence[Any], rows: int) -> Iterator[Tensor]:
    """The matrices above one another, fp32, `rows` rows at a time; the last may be fewer."""
    pending: list[Tensor] = []
    missing = rows
    for matrix in matrices:
        count, start = matrix.get_shape()[0], 0
        while start < count:
            taken = matrix[start : min(count, start + missing)].float()
            pending.append(taken)
            start += len(taken)
            missing -= len(taken)
            if missing == 0:
                yield torch.cat(pending)
                pending, missing = [], rows
    if pending:
        yield torch.cat(pending)


def _opened(path: Path) -> Any:
    return safe_open(path, framework="pt")


def _files(folder: Path) -> list[Path]:
    index = folder / INDEX
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    names = json.loads(index.read_text("utf-8"))["weight_map"].values()
    return [folder / name for name in sorted(set(names))]
