"""Experts by the native kernels: who computes which token, and what they make of it."""

from ctypes import byref, c_void_p
from typing import Any

from torch import Tensor

from pipeline.kernels.kernels import Kernels
from pipeline.kernels.layout import Matrix
from pipeline.kernels.native_operands import (
    NativeForwardPass,
    native_routing,
    numbers_of,
    rows_of,
    seen,
)
from pipeline.kernels.operands import Activations, ForwardPass, Routing


class NativeExperts(Kernels):
    """`NativeKernels`, as far as experts are concerned."""

    _library: Any
    _pool: c_void_p

    def route(self, scores: Tensor, routing: Routing, routes: Tensor) -> None:
        """Token by token; where each expert's rows begin is counted by the caller alone."""
        self._library.kernel_route(
            *(self._pool, *rows_of(scores), byref(native_routing(routing)), *rows_of(routes))
        )

    def dispatch(self, x: Activations, routes: Tensor, routing: Routing, out: Activations) -> None:
        """What was quantised once is copied."""
        by = byref(native_routing(routing))
        self._library.kernel_dispatch(self._pool, seen(x), by, *rows_of(routes), seen(out))

    def expert_linear(
        self, x: Activations, routes: Tensor, routing: Routing, matrix: Matrix, out: Tensor
    ) -> None:
        """A panel of an expert in use at a time, read once for all of its tokens."""
        if x.format != matrix.format:
            raise ValueError(f"{x.format.name} activations for {matrix.format.name} weights")
        self._library.kernel_expert_linear(
            *(self._pool, seen(x), byref(native_routing(routing)), *rows_of(routes)),
            *(matrix.data.data_ptr(), matrix.rows, matrix.columns, *numbers_of(out)),
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
                *(self._pool, seen(x), step.segments, count, site),
                *(byref(native_routing(routing)), *rows_of(routes), dispatched, *rows_of(out)),
            )

    def combine(
        self, x: Tensor, routes: Tensor, routing: Routing, shared: Tensor | None, out: Tensor
    ) -> None:
        """Token by token."""
        added = (None, 0) if shared is None else numbers_of(shared)
        self._library.kernel_combine(
            *(self._pool, *numbers_of(x), byref(native_routing(routing)), *rows_of(routes)),
            *(*added, *rows_of(out)),
        )
