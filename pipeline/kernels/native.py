"""The kernels of this machine."""

from collections.abc import Iterable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.inference.backend import Backend, widest
from pipeline.kernels import layout
from pipeline.kernels.formats import ActivationDtype, WeightFormat
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix
from pipeline.kernels.library import flags, source_hash
from pipeline.kernels.lora_layout import AdapterLayout
from pipeline.kernels.memory import held, huge_bytes, room_for
from pipeline.kernels.native_attention import NativeAttention
from pipeline.kernels.native_experts import NativeExperts
from pipeline.kernels.native_operands import (
    NativeActivations,
    NativeForwardPass,
    native_activation,
    numbers_of,
    rows_of,
    seen,
)
from pipeline.kernels.native_pool import NativePool
from pipeline.kernels.native_program import NativeProgram
from pipeline.kernels.operands import Activation, Activations, ForwardPass
from pipeline.kernels.packed_adapter import PackedAdapter
from pipeline.kernels.program import Program
from pipeline.kernels.token_batch import TokenBatch


class NativeKernels(NativeAttention, NativeExperts):
    """C++ behind ctypes, which releases the GIL; one pool of threads."""

    def __init__(self, threads: int) -> None:
        """Compile unless that was done before.

        Args:
            threads: that compute, the caller's included.

        Raises:
            BuildError: there is no compiler, or it failed.
            RuntimeError: the system doesn't start so many threads.
        """
        self._threads = NativePool(threads)
        self._library, self._pool = self._threads.library, self._threads.handle

    @property
    def backend(self) -> Backend:
        """As the compiler says that it compiled them."""
        names = ("kernels_instruction_set", "kernels_compiler")
        instruction_set, compiler = (getattr(self._library, each)().decode() for each in names)
        return Backend(
            *("native", widest([instruction_set]), compiler),
            flags=" ".join(flags()),
            source=source_hash(),
        )

    @property
    def activation_dtype(self) -> ActivationDtype:
        """int8 where the instruction set has dot products of bytes."""
        return "int8" if self._library.kernels_activation_bits() == 8 else "int16"

    def pack(
        self, pieces: Iterable[Tensor], rows: int, columns: int, format: WeightFormat
    ) -> Tensor:
        """Each piece by all threads, straight to its place."""
        panel = layout.panel_bytes(columns, format)
        data = huge_bytes(layout.panels(rows) * panel).view(-1, panel)
        done = 0
        for piece in pieces:
            held(piece, torch.float32, (len(piece), columns))
            left, count = data[done:], len(piece)
            self._library.kernel_pack(
                *(self._pool, format.number, piece.data_ptr(), count, columns), *numbers_of(left)
            )
            done += layout.panels(count)
        return data

    def look_up(self, matrix: Matrix, rows: Tensor) -> Tensor:
        """Row by row."""
        wanted, out = held(rows, torch.int32, (len(rows),)), torch.empty(len(rows), matrix.columns)
        self._library.kernel_look_up(
            *(self._pool, matrix.format.number, *numbers_of(matrix.data)),
            *(matrix.rows, matrix.columns, *numbers_of(wanted), *numbers_of(out)),
        )
        return out

    def read_adapter(
        self, file: int, sources: NDArray[Any], layout: AdapterLayout
    ) -> PackedAdapter:
        """One call for the whole adapter, which holds the GIL at no time."""
        data = room_for(layout.size)
        count, format = len(sources), layout.format.number
        at, to = sources.ctypes.data, data.data_ptr()
        self._library.adapter_read(file, at, count, format, to, layout.size)
        return PackedAdapter(layout, data)

    def activations(self, rows: int, columns: int, format: WeightFormat) -> NativeActivations:
        """Values, and room for them as the matrices want them."""
        return NativeActivations.of(rows, columns, format)

    def prepare(self, program: Program, tokens: int) -> NativeProgram:
        """Recorded once, with buffers for so many tokens."""
        return NativeProgram(program, tokens, self._threads)

    def begin(
        self, batch: TokenBatch, cosines: Tensor, sines: Tensor, pool: KvPool
    ) -> NativeForwardPass:
        """Addresses of everything that the layers share."""
        return NativeForwardPass.of(batch, cosines, sines, pool)

    def fill(self, out: Activations, values: Tensor) -> None:
        """A copy, packed."""
        out.values.copy_(values)
        self._library.kernel_pack_input(self._pool, seen(out))

    def norm(
        self,
        residual: Tensor,
        delta: Tensor | None,
        weight: Tensor | None,
        epsilon: float,
        out: Activations,
    ) -> None:
        """Token by token; the norm is packed where it is made."""
        added = (None, 0, 0) if delta is None else rows_of(delta)
        stream, by = numbers_of(residual), (None, 0) if weight is None else numbers_of(weight)
        self._library.kernel_norm(self._pool, *stream, *added, *by, epsilon, seen(out))

    def gate(self, gate_up: Tensor, out: Activations, activation: Activation = "silu") -> None:
        """Some columns of a token at a time."""
        number = native_activation(activation)
        self._library.kernel_gate(self._pool, *rows_of(gate_up), number, seen(out))

    def linear(self, x: Activations, matrix: Matrix, out: Tensor) -> None:
        """A panel of the matrix at a time, read once for all tokens."""
        bias = None if matrix.bias is None else matrix.bias.data_ptr()
        if x.format != matrix.format:
            raise ValueError(f"{x.format.name} activations for {matrix.format.name} weights")
        self._library.kernel_linear(
            *(self._pool, seen(x), matrix.data.data_ptr(), bias, matrix.rows, matrix.columns),
            *numbers_of(out),
        )

    def add_lora(self, x: Activations, step: ForwardPass, site: int, out: Tensor) -> None:
        """All segments in one call."""
        assert isinstance(step, NativeForwardPass)
        if count := len(step.segments):
            self._library.kernel_add_lora(
                *(self._pool, seen(x), step.segments, count, site), *rows_of(out)
            )
