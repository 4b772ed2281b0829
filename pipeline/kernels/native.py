"""The kernels of this machine."""

from collections.abc import Iterable
from ctypes import byref
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.inference.backend import Backend, widest
from pipeline.kernels import layout
from pipeline.kernels.formats import ActivationDtype, WeightFormat
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.layout import Matrix
from pipeline.kernels.library import flags, source_hash
from pipeline.kernels.lora_layout import AdapterLayout
from pipeline.kernels.memory import held, huge_bytes
from pipeline.kernels.native_operands import (
    NativeActivations,
    NativeForwardPass,
    native_activation,
    native_heads,
    native_norms,
    native_routing,
    native_turn,
)
from pipeline.kernels.native_pool import NativePool
from pipeline.kernels.native_program import NativeProgram
from pipeline.kernels.operands import (
    Activation,
    Activations,
    ForwardPass,
    HeadNorms,
    Heads,
    Routing,
    Turn,
)
from pipeline.kernels.packed_adapter import PackedAdapter
from pipeline.kernels.program import Program
from pipeline.kernels.token_batch import TokenBatch


class NativeKernels(Kernels):
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
                *(self._pool, format.number, piece.data_ptr(), count, columns), *_numbers(left)
            )
            done += layout.panels(count)
        return data

    def look_up(self, matrix: Matrix, rows: Tensor) -> Tensor:
        """Row by row."""
        wanted, out = held(rows, torch.int32, (len(rows),)), torch.empty(len(rows), matrix.columns)
        self._library.kernel_look_up(
            *(self._pool, matrix.format.number, *_numbers(matrix.data)),
            *(matrix.rows, matrix.columns, *_numbers(wanted), *_numbers(out)),
        )
        return out

    def read_adapter(
        self, file: int, sources: NDArray[Any], layout: AdapterLayout
    ) -> PackedAdapter:
        """One call for the whole adapter, which holds the GIL at no time."""
        data = torch.empty(layout.size, dtype=torch.uint8)
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
        self._library.kernel_pack_input(self._pool, _seen(out))

    def norm(
        self,
        residual: Tensor,
        delta: Tensor | None,
        weight: Tensor | None,
        epsilon: float,
        out: Activations,
    ) -> None:
        """Token by token; the norm is packed where it is made."""
        added = (None, 0, 0) if delta is None else _rows(delta)
        stream, by = _numbers(residual), (None, 0) if weight is None else _numbers(weight)
        self._library.kernel_norm(self._pool, *stream, *added, *by, epsilon, _seen(out))

    def gate(self, gate_up: Tensor, out: Activations, activation: Activation = "silu") -> None:
        """Some columns of a token at a time."""
        number = native_activation(activation)
        self._library.kernel_gate(self._pool, *_rows(gate_up), number, _seen(out))

    def linear(self, x: Activations, matrix: Matrix, out: Tensor) -> None:
        """A panel of the matrix at a time, read once for all tokens."""
        bias = None if matrix.bias is None else matrix.bias.data_ptr()
        if x.format != matrix.format:
            raise ValueError(f"{x.format.name} activations for {matrix.format.name} weights")
        self._library.kernel_linear(
            *(self._pool, _seen(x), matrix.data.data_ptr(), bias, matrix.rows, matrix.columns),
            *_numbers(out),
        )

    def add_lora(self, x: Activations, step: ForwardPass, site: int, out: Tensor) -> None:
        """All segments in one call."""
        assert isinstance(step, NativeForwardPass)
        if count := len(step.segments):
            self._library.kernel_add_lora(
                *(self._pool, _seen(x), step.segments, count, site), *_rows(out)
            )

    def rotate_and_store(
        self,
        qkv: Tensor,
        step: ForwardPass,
        layer: int,
        heads: Heads,
        norms: HeadNorms | None,
        turn: Turn,
    ) -> None:
        """Token by token."""
        self._library.kernel_rotate_and_store(
            *(self._pool, *_rows(qkv), _seen(step), layer),
            *(byref(native_heads(heads)), byref(native_norms(norms))),
            byref(native_turn(turn)),
        )

    def attend(
        self,
        qkv: Tensor,
        step: ForwardPass,
        layer: int,
        heads: Heads,
        window: int | None,
        out: Activations,
        scale: float | None = None,
        limit: float | None = None,
    ) -> None:
        """By tiles of neighbouring tokens; query heads that share a key head read it together."""
        self._library.kernel_attend(
            *(self._pool, *_rows(qkv), _seen(step), layer),
            *(byref(native_heads(heads)), window or 0, scale or 0.0, limit or 0.0, _seen(out)),
        )

    def route(self, scores: Tensor, routing: Routing, routes: Tensor) -> None:
        """Token by token; where each expert's rows begin is counted by the caller alone."""
        self._library.kernel_route(
            *(self._pool, *_rows(scores), byref(native_routing(routing)), *_rows(routes))
        )

    def dispatch(self, x: Activations, routes: Tensor, routing: Routing, out: Activations) -> None:
        """What was quantised once is copied."""
        by = byref(native_routing(routing))
        self._library.kernel_dispatch(self._pool, _seen(x), by, *_rows(routes), _seen(out))

    def expert_linear(
        self, x: Activations, routes: Tensor, routing: Routing, matrix: Matrix, out: Tensor
    ) -> None:
        """A panel of an expert in use at a time, read once for all of its tokens."""
        if x.format != matrix.format:
            raise ValueError(f"{x.format.name} activations for {matrix.format.name} weights")
        self._library.kernel_expert_linear(
            *(self._pool, _seen(x), byref(native_routing(routing)), *_rows(routes)),
            *(matrix.data.data_ptr(), matrix.rows, matrix.columns, *_numbers(out)),
        )

    def add_expert_lora(
        self,
        x: Activations,
        step: ForwardPass,
        routes: Tensor,
        routing: Routing,
        site: int,
        out: Tensor,
        dispatched: bool,
    ) -> None:
        """All rows that an expert has of one adapter together."""
        assert isinstance(step, NativeForwardPass)
        if count := len(step.segments):
            self._library.kernel_add_expert_lora(
                *(self._pool, _seen(x), step.segments, count, site),
                *(byref(native_routing(routing)), *_rows(routes), dispatched, *_rows(out)),
            )

    def combine(
        self, x: Tensor, routes: Tensor, routing: Routing, shared: Tensor | None, out: Tensor
    ) -> None:
        """Token by token."""
        added = (None, 0) if shared is None else _numbers(shared)
        self._library.kernel_combine(
            *(self._pool, *_numbers(x), byref(native_routing(routing)), *_rows(routes)),
            *(*added, *_rows(out)),
        )


def _seen(operand: Activations | ForwardPass) -> Any:
    """By C."""
    assert isinstance(operand, NativeActivations | NativeForwardPass)
    return byref(operand.native)


def _numbers(tensor: Tensor) -> tuple[int, int]:
    """Where they are, and how many."""
    return tensor.data_ptr(), tensor.numel()


def _rows(tensor: Tensor) -> tuple[int, int, int]:
    """Where they are, their width, and how many numbers they are."""
    return tensor.data_ptr(), tensor.shape[1], tensor.numel()
