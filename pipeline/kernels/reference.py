"""Each kernel in plain PyTorch: what the native ones must compute, and their stand-in."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.inference.backend import Backend, torch_backend
from pipeline.kernels import layout
from pipeline.kernels.formats import PANEL, ActivationDtype, WeightFormat
from pipeline.kernels.interpreter import InterpretedProgram
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix
from pipeline.kernels.lora_layout import AdapterLayout
from pipeline.kernels.lora_source import tensors
from pipeline.kernels.operands import Activation, Activations, ForwardPass
from pipeline.kernels.packed_adapter import PackedAdapter, pack_tensors
from pipeline.kernels.program import Program
from pipeline.kernels.reference_arithmetic import as_integers, rms_norm
from pipeline.kernels.reference_attention import ReferenceAttention
from pipeline.kernels.reference_experts import ReferenceExperts
from pipeline.kernels.token_batch import TokenBatch

_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "silu": torch.nn.functional.silu,
    "gelu_tanh": partial(torch.nn.functional.gelu, approximate="tanh"),
}


class ReferenceKernels(ReferenceAttention, ReferenceExperts):
    """Slow, and short enough to be believed."""

    def __init__(self, fallback: str | None = None) -> None:
        """Ready at once.

        Args:
            fallback: why it stands in for the native kernels; None where it was asked for.
        """
        self._fallback = fallback

    @property
    def backend(self) -> Backend:
        """PyTorch's, under our own name."""
        return replace(torch_backend(), kernels="reference", fallback=self._fallback)

    @property
    def activation_dtype(self) -> ActivationDtype:
        """The finest."""
        return "int16"

    def pack(
        self, pieces: Iterable[Tensor], rows: int, columns: int, format: WeightFormat
    ) -> Tensor:
        """Piece by piece, so that never two copies of the weights are held."""
        size = (layout.panels(rows), layout.panel_bytes(columns, format))
        data, done = torch.empty(size, dtype=torch.uint8), 0
        for piece in pieces:
            count = layout.panels(len(piece))
            data[done : done + count] = layout.pack(piece, format)
            done += count
        return data

    def look_up(self, matrix: Matrix, rows: Tensor) -> Tensor:
        """From their panels, unpacked whole."""
        if not len(rows):
            return torch.empty(0, matrix.columns)
        if not 0 <= rows.min() <= rows.max() < matrix.rows:
            raise ValueError("a row beyond the matrix")
        wanted, places = torch.unique(rows.long() // PANEL, return_inverse=True)
        data = matrix.data[wanted]
        panels = layout.unpack(Matrix(matrix.format, len(data) * PANEL, matrix.columns, data))
        return panels[places * PANEL + rows % PANEL]

    def read_adapter(
        self, file: int, sources: NDArray[Any], layout: AdapterLayout
    ) -> PackedAdapter:
        """Tensor by tensor, in NumPy, which keeps to the calling thread."""
        return pack_tensors(layout, tensors(file, sources), sources)

    def activations(self, rows: int, columns: int, format: WeightFormat) -> Activations:
        """Values alone: what is to be quantised is quantised where it is used."""
        return Activations(format, torch.zeros(rows, columns), torch.empty(0, dtype=torch.uint8))

    def prepare(self, program: Program, tokens: int) -> InterpretedProgram:
        """Operation by operation."""
        return InterpretedProgram(program, self)

    def begin(self, batch: TokenBatch, cosines: Tensor, sines: Tensor, pool: KvPool) -> ForwardPass:
        """Nothing but the parts."""
        return ForwardPass(batch, cosines, sines, pool)

    def fill(self, out: Activations, values: Tensor) -> None:
        """A copy."""
        out.values.copy_(values)

    def norm(
        self,
        residual: Tensor,
        delta: Tensor | None,
        weight: Tensor | None,
        epsilon: float,
        out: Activations,
    ) -> None:
        """X / √(mean(x²) + ε) · weight."""
        if delta is not None:
            residual += delta[:, : residual.shape[1]]
        normed = residual if weight is None else rms_norm(residual, weight, epsilon)
        out.values.copy_(normed)

    def gate(self, gate_up: Tensor, out: Activations, activation: Activation = "silu") -> None:
        """activation(gate) · up."""
        width = out.values.shape[1]
        gate, up = gate_up[:, :width], gate_up[:, width : 2 * width]
        out.values.copy_(_ACTIVATIONS[activation](gate) * up)

    def linear(self, x: Activations, matrix: Matrix, out: Tensor) -> None:
        """With the weights and the activations that their integers stand for."""
        result = as_integers(x.values, matrix) @ layout.unpack(matrix).T
        if matrix.bias is not None:
            result += matrix.bias[: matrix.rows]
        out[:, : matrix.rows] = result

    def add_lora(self, x: Activations, step: ForwardPass, site: int, out: Tensor) -> None:
        """X · Aᵀ · Bᵀ, projection by projection, and then what is done to the sum's columns."""
        for segment in step.batch.segments:
            if segment.adapter is None:
                continue
            rows = slice(segment.start, segment.stop)
            for part in segment.adapter.parts(site, x.values.shape[1]):
                columns = slice(part.column, part.column + len(part.b))
                out[rows, columns] += x.values[rows] @ part.a.T @ part.b.T
                if part.affine is not None:
                    out[rows, columns] *= part.affine[0]
                    out[rows, columns] += part.affine[1]
