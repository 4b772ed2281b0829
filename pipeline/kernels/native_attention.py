"""Attention by the native kernels, from the projections' output to what each head attends to."""

from ctypes import byref, c_void_p
from typing import Any

from torch import Tensor

from pipeline.kernels.kernels import Kernels
from pipeline.kernels.native_operands import native_heads, native_norms, native_turn, rows_of, seen
from pipeline.kernels.operands import Activations, ForwardPass, HeadNorms, Heads, Turn


class NativeAttention(Kernels):
    """`NativeKernels`, as far as keys and values of a context are concerned."""

    _library: Any
    _pool: c_void_p

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
            *(self._pool, *rows_of(qkv), seen(step), layer),
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
            *(self._pool, *rows_of(qkv), seen(step), layer),
            *(byref(native_heads(heads)), window or 0, scale or 0.0, limit or 0.0, seen(out)),
        )
