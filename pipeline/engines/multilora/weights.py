"""A checkpoint's tensors, memory-mapped and taken a few rows at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from pipeline.errors import UsageError
from pipeline.kernels.memory import lazy_bytes
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.weights import StoredWeights


def vector(weights: StoredWeights, name: str) -> Tensor:
    """A small tensor, such as a norm's weight, fp32."""
    return Rows(weights.tensors[name])[:].float().clone()


@dataclass(frozen=True)
class Rows:
    """A stored tensor, to be sliced by rows.

    The file is mapped for each slice anew, and only as long as that lives: pages once read would
    else stay in memory, beside the packed weights.

    Attributes:
        stored: where it lies.
    """

    stored: StoredTensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return self.stored.shape

    def __getitem__(self, rows: slice) -> Tensor:
        opened: Any = safe_open(self.stored.path, framework="pt")
        found: Tensor = opened.get_slice(self.stored.name)[rows]
        # Once packed into integers it could no longer be told. Needs no memory, unlike isfinite.
        if not all(extreme.isfinite() for extreme in found.aminmax()):
            raise UsageError(f"{self.stored.path}: {self.stored.name} holds NaN or infinity")
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
