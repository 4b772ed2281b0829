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
from pipeline.kernels.memory import address
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
from pipeline.kernels.token_batch import Segment, TokenBatch

_INPUT, _FORWARD, _SEGMENT, _HEADS, _HEAD_NORMS, _TURN, _ROUTING = (
    ABI.structures[name]
    for name in (
        *("Input", "Forward", "LoraSegment", "HeadShape", "HeadNormWeights", "Turn"),
        "Routing",
    )
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
    """With what C sees of it."""

    native: ctypes.Structure
    segments: Any

    @classmethod
    def of(cls, batch: TokenBatch, cosines: Tensor, sines: Tensor, pool: KvPool) -> Self:
        """Addresses of everything that the layers share; whether it fits is seen here, once."""
        tables = (batch.positions, batch.sequences, batch.block_table, batch.outputs)
        (tokens,), (wanted,) = batch.tokens.shape, batch.outputs.shape
        (rows, width), (turned, _) = batch.block_table.shape, cosines.shape
        if not batch.tokens.shape == batch.positions.shape == batch.sequences.shape:
            raise ValueError(f"positions or sequences of other than {tokens} tokens")
        if cosines.shape != sines.shape:
            raise ValueError("cosines and sines of different angles")
        native = _FORWARD(
            *(address(each, torch.int32) for each in tables),
            *(address(each, torch.float32) for each in (cosines, sines)),
            *(address(pool.data, torch.uint8), pool.format.number),
            *(tokens, width, pool.blocks, rows, pool.layers, turned, wanted),
            *(cosines.numel(), pool.data.numel()),
        )
        bound().forward_fault(ctypes.byref(native))
        return cls(batch, cosines, sines, pool, native, _segments(batch.segments))


def _segments(segments: Sequence[Segment]) -> Any:
    """Those that have an adapter."""
    found = [_segment(each, each.adapter) for each in segments if each.adapter]
    return (_SEGMENT * len(found))(*found)


def _segment(segment: Segment, adapter: PackedAdapter) -> ctypes.Structure:
    data, sites, size, count = adapter.table
    return _SEGMENT(data, sites, adapter.format.number, segment.start, segment.stop, size, count)


def native_activation(activation: Activation) -> int:
    """Its number."""
    return ABI.constants[f"ACTIVATION_{activation.upper()}"]


def native_heads(heads: Heads) -> ctypes.Structure:
    """How attention divides its vectors."""
    return _HEADS(heads.queries, heads.keys, heads.width)


def native_norms(norms: HeadNorms | None) -> ctypes.Structure:
    """Of single heads; null for none."""
    if norms is None:
        return _HEAD_NORMS()
    query, key = norms.query.data_ptr(), norms.key.data_ptr()
    return _HEAD_NORMS(query, key, norms.epsilon, norms.query.numel())


def native_turn(turn: Turn) -> ctypes.Structure:
    """Which angles turn a head."""
    return _TURN(turn.first, turn.pairs)


def native_routing(routing: Routing) -> ctypes.Structure:
    """How tokens find their experts."""
    return _ROUTING(routing.experts, routing.used, routing.normalised)


def seen(operand: Activations | ForwardPass) -> Any:
    """What C sees of an operand."""
    assert isinstance(operand, NativeActivations | NativeForwardPass)
    return ctypes.byref(operand.native)


def numbers_of(tensor: Tensor) -> tuple[int, int]:
    """Where the numbers of a tensor are, and how many."""
    return tensor.data_ptr(), tensor.numel()


def rows_of(tensor: Tensor) -> tuple[int, int, int]:
    """Where the rows of a tensor are, their width, and how many numbers they are."""
    return tensor.data_ptr(), tensor.shape[1], tensor.numel()
