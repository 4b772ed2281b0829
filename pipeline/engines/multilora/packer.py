"""Packing stored tensors: those of one site as one matrix, small ones as they are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.errors import UsageError
from pipeline.kernels.formats import PANEL, WeightFormat
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.layout import Matrix, panels
from pipeline.kernels.memory import lazy_bytes
from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_file import as_tensor
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.weights import OpenWeights

ROWS_AT_ONCE = 16 * PANEL
"""Rows that are held in fp32 while a matrix is packed, so that a second copy never exists."""


@dataclass(frozen=True, eq=False)
class Packer:
    """Reads what it packs, a few rows at a time, and keeps nothing of it.

    Attributes:
        weights: to be packed.
        format: of matrices.
        kernels: that pack.
        tensors: what is packed already, by name; what is packed now is put beside it.
    """

    weights: OpenWeights
    format: WeightFormat
    kernels: Kernels
    tensors: dict[str, Tensor]

    def matrix(self, names: Sequence[str], least: int = 0) -> Matrix:
        """One matrix of those tensors above one another, with their biases.

        Args:
            names: of the tensors.
            least: its rows, at least; those that the tensors lack are zeros.
        """
        parts = [self.weights[name] for name in names]
        rows, columns = max(least, sum(part.shape[0] for part in parts)), parts[0].shape[1]

        def packed() -> Tensor:
            return self.kernels.pack(self._stacked(parts, rows), rows, columns, self.format)

        data = self._once(" ".join([self.format.name, *names]), packed)
        return Matrix(self.format, rows, columns, data, self._bias(names, rows))

    def stack(self, experts: Sequence[Sequence[str]]) -> Matrix:
        """One matrix of those of all experts above one another, each filled up to whole panels."""
        parts = [[self.weights[name] for name in names] for names in experts]
        each, columns = sum(part.shape[0] for part in parts[0]), parts[0][0].shape[1]
        rows = len(parts) * panels(each) * PANEL

        def packed() -> Tensor:
            pieces = (piece for part in parts for piece in self._filled_up(part))
            return self.kernels.pack(pieces, rows, columns, self.format)

        name = " ".join([self.format.name, str(len(experts)), *experts[0]])
        return Matrix(self.format, rows, columns, self._once(name, packed))

    def _filled_up(self, parts: Sequence[StoredTensor]) -> Iterator[Tensor]:
        """The same pieces, the last with zeros below it up to a whole panel."""
        for piece in self._stacked(parts):
            yield torch.nn.functional.pad(piece, (0, 0, 0, -len(piece) % PANEL))

    def vector(self, name: str) -> Tensor:
        """A small tensor, such as a norm's weight, fp32."""
        return self._once(name, lambda: self._numbers(self.weights[name]).float().clone())

    def norm(self, path: str, model: ModelConfig) -> Tensor:
        """The weights of a norm as it multiplies by them."""
        if not model.family.norms.weighted:
            return torch.ones(model.hidden)
        return self.vector(f"{path}.weight") + model.family.norms.shift

    def _once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = make()
        return self.tensors[name]

    def _bias(self, names: Sequence[str], rows: int) -> Tensor | None:
        biases = [name.removesuffix("weight") + "bias" for name in names]
        if not any(name in self.weights for name in biases):
            return None
        padding = torch.zeros(panels(rows) * PANEL - rows)
        return torch.cat([*map(self.vector, biases), padding])

    def _stacked(self, parts: Sequence[StoredTensor], least: int = 0) -> Iterator[Tensor]:
        """Tensors above one another, fp32, `ROWS_AT_ONCE` at a time; the last may be fewer.

        Below them are zeros, if that makes fewer rows than there have to be.

        Each piece takes the place of the one before. That place isn't in the heap, where whatever
        is made in between would leave holes that no later piece fits.
        """
        columns, stored = parts[0].shape[1], sum(part.shape[0] for part in parts)
        total = max(least, stored)
        rows = min(ROWS_AT_ONCE, total)
        piece = lazy_bytes(4 * rows * columns).view(torch.float32).view(rows, columns)
        filled = 0
        for part in (*parts, None):
            start, end = 0, total - stored if part is None else part.shape[0]
            while start < end:
                stop = min(end, start + rows - filled)
                numbers = 0.0 if part is None else self._numbers(part.rows(start, stop))
                piece[filled : filled + stop - start] = numbers
                filled, start = filled + stop - start, stop
                if filled == rows:
                    yield piece
                    filled = 0
        if filled:
            yield piece[:filled]

    def _numbers(self, stored: StoredTensor) -> Tensor:
        """As they are stored, in memory that is free again once the tensor is."""
        found = as_tensor(self.weights.read(stored))
        # Once packed into integers it could no longer be told. Needs no memory, unlike isfinite.
        if not all(extreme.isfinite() for extreme in found.aminmax()):
            raise UsageError(f"{stored.path}: {stored.name} holds NaN or infinity")
        return found
