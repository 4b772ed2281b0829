"""What C sees of the operands: a structure of abi.h beside the tensors that it points to."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from pipeline.kernels.abi import ABI
from pipeline.kernels.bindings import bound
from pipeline.kernels.formats import WeightFormat
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.memory import held
from pipeline.kernels.operands import Activations, ForwardPass, HeadNorms, Heads
from pipeline.kernels.token_batch import Segment, TokenBatch

_INPUT, _FORWARD, _SEGMENT, _HEADS, _HEAD_NORMS = (
    ABI.structures[name]
    for name in ("Input", "Forward", "LoraSegment", "HeadShape", "HeadNormWeights")
)


@dataclass(frozen=True, eq=False)
class NativeActivations(Activations):
    """With what C sees of them."""

    native: ctypes.Structure

    @classmethod
    def of(cls, rows: int, columns: int, format: WeightFormat) -> Self:
        """Values, and room for them as the matrices want them."""
        values = torch.zeros(rows, columns)
        size = bound().packed_input_bytes(format.number, rows, columns)
        packed = torch.zeros(size, dtype=torch.uint8)
        native = _INPUT(
            *(format.number, values.data_ptr(), packed.data_ptr(), rows, columns),
            *(values.numel(), size),
        )
        return cls(format, values, packed, native)


@dataclass(frozen=True, eq=False)
class NativeForwardPass(ForwardPass):
    """With what C sees of it; the tensors that it points to are kept here."""

    native: ctypes.Structure
    segments: Any
    kept: tuple[Tensor, ...]

    @classmethod
    def of(cls, batch: TokenBatch, cosines: Tensor, sines: Tensor, pool: KvPool) -> Self:
        """Addresses of everything that the layers share; whether it fits is seen here, once."""
        tables = (batch.positions, batch.sequences, batch.block_table, batch.outputs)
        kept = tuple(each.contiguous() for each in (*tables, cosines, sines))
        for each in kept[:4]:
            held(each, torch.int32, tuple(each.shape))
        for each in kept[4:]:
            held(each, torch.float32, tuple(cosines.shape))
        native = _FORWARD(
            *(each.data_ptr() for each in (*kept, pool.keys, pool.values)),
            *(len(batch.tokens), batch.block_table.shape[1]),
            *(pool.blocks, len(batch.block_table), len(pool.keys)),
            *(len(cosines), len(batch.outputs)),
            *(each.numel() for each in (cosines, pool.keys, pool.values)),
        )
        bound().forward_fault(ctypes.byref(native))
        return cls(batch, cosines, sines, pool, native, _segments(batch.segments), kept)


def _segments(segments: Sequence[Segment]) -> Any:
    """Those that have an adapter."""
    found = [(each, each.adapter) for each in segments if each.adapter]
    native = (_SEGMENT * len(found))()
    for to, (segment, packed) in zip(native, found, strict=True):
        to.data, to.sites = packed.data.data_ptr(), packed.sites.ctypes.data
        to.format = packed.format.number
        to.start, to.stop = segment.start, segment.stop
        to.size, to.count = packed.data.numel(), len(packed.sites)
    return native


def native_heads(heads: Heads) -> ctypes.Structure:
    """How attention divides its vectors."""
    return _HEADS(heads.queries, heads.keys, heads.width)


def native_norms(norms: HeadNorms | None) -> ctypes.Structure:
    """Of single heads; null for none."""
    if norms is None:
        return _HEAD_NORMS()
    query, key = norms.query.data_ptr(), norms.key.data_ptr()
    return _HEAD_NORMS(query, key, norms.epsilon, norms.query.numel())
