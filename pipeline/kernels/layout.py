"""Where each weight lies in a packed matrix, in plain PyTorch.

A thread takes a panel of 64 rows and reads it from its first byte to its last:

    panel → block of 8 groups of columns → unit of 16 rows → scales, groups of weights

so that a block's activations stay in the first-level cache while the four units of the panel pass
over them. Inside a group neighbouring rows are neighbouring lanes: a lane holds one output, each
activation is broadcast, and no sum ever runs across lanes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.kernels.held import held
from pipeline.kernels.precision import (
    BLOCK_GROUPS,
    GROUP,
    Precision,
    blocks,
    grouped,
    quantised_int4,
    quantised_int8,
    scale_of_share,
)

PANEL = 64
UNIT = 16
SCALES = {"fp32": 0, "int8": 2 * UNIT, "int4": UNIT}
"""Bytes of a group's scales: one fp16 a row, or one int8 share of the block's largest."""
LARGEST = {"fp32": 0, "int8": 0, "int4": 2 * UNIT}
"""Bytes of a block's largest scales, one fp16 a row; they come before the groups' own."""
BITS = {"fp32": 32, "int8": 8, "int4": 4}


@dataclass(frozen=True, eq=False)
class Matrix:
    """A packed weight matrix.

    Attributes:
        precision: how its weights are stored.
        rows: outputs.
        columns: inputs.
        data: the bytes, uint8 (panels, bytes of a panel).
        bias: fp32 (rows filled up to whole panels,), or None.
    """

    precision: Precision
    rows: int
    columns: int
    data: Tensor
    bias: Tensor | None = None

    def __post_init__(self) -> None:
        """Once, for all the steps that will use it.

        Raises:
            ValueError: the data or the bias isn't what the rows and columns ask for.
        """
        count = panels(self.rows)
        held(self.data, torch.uint8, (count, panel_bytes(self.columns, self.precision)))
        if self.bias is not None:
            held(self.bias, torch.float32, (count * PANEL,))

    @property
    def bytes(self) -> int:
        """Memory it takes, all of it read when it is used."""
        return self.data.nbytes + (0 if self.bias is None else self.bias.nbytes)


def panels(rows: int) -> int:
    """Panels that hold so many rows."""
    return -(-rows // PANEL)


def panel_bytes(columns: int, precision: Precision) -> int:
    """Bytes of one panel."""
    groups = -(-columns // GROUP[precision])
    scales = blocks(groups) * LARGEST[precision] + groups * SCALES[precision]
    return PANEL // UNIT * (scales + groups * _group_bytes(precision))


def pack(rows: Tensor, precision: Precision) -> Tensor:
    """(R, K) fp32 → uint8 (panels, bytes of a panel); missing rows are zero."""
    rows = torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % PANEL))
    if precision == "fp32":
        weights = _lanes_fp32(grouped(rows, "fp32"))
        none = weights[:, :, :0]
        return _ordered(_Parts(none[:, ::BLOCK_GROUPS], none, weights))
    if precision == "int8":
        levels, scales = quantised_int8(rows)
        weights = _lanes_int8(levels)
        none = weights[:, ::BLOCK_GROUPS, :0]
        return _ordered(_Parts(none, _by_unit(scales.half()), weights))
    levels, shares, largest = quantised_int4(rows)
    of_blocks = _by_unit(largest[:, ::BLOCK_GROUPS].half())
    return _ordered(_Parts(of_blocks, _by_unit(shares.to(torch.int8)), _lanes_int4(levels)))


def unpack(matrix: Matrix) -> Tensor:
    """The (rows, columns) fp32 weights that a packed matrix stands for."""
    parts = _disordered(matrix.data, matrix.columns, matrix.precision)
    if matrix.precision == "fp32":
        weights = _from_lanes_fp32(parts.weights.view(torch.float32))
    elif matrix.precision == "int8":
        scales = _by_row(parts.scales.view(torch.float16))
        weights = _from_lanes_int8(parts.weights) * scales[..., None]
    else:
        shares = _by_row(parts.scales.view(torch.int8))
        largest = _by_row(parts.largest.view(torch.float16)).repeat_interleave(BLOCK_GROUPS, 1)
        scales = scale_of_share(shares, largest[:, : shares.shape[1]])
        weights = _from_lanes_int4(parts.weights) * scales[..., None]
    return weights.reshape(len(weights), -1)[: matrix.rows, : matrix.columns]


@dataclass(frozen=True, eq=False)
class _Parts:
    """A matrix's bytes by what they are: uint8 (units, blocks or groups, bytes of one)."""

    largest: Tensor
    scales: Tensor
    weights: Tensor


def _ordered(parts: _Parts) -> Tensor:
    """(panels, bytes of a panel): block of columns outside, unit inside."""
    each_block = zip(
        torch.split(parts.largest, 1, 1),
        torch.split(parts.scales, BLOCK_GROUPS, 1),
        torch.split(parts.weights, BLOCK_GROUPS, 1),
        strict=True,
    )
    units = [torch.cat([part.flatten(1) for part in block], 1) for block in each_block]
    return torch.cat([unit.reshape(-1, PANEL // UNIT * unit.shape[1]) for unit in units], 1)


def _disordered(data: Tensor, columns: int, precision: Precision) -> _Parts:
    groups, start, found = -(-columns // GROUP[precision]), 0, []
    for first in range(0, groups, BLOCK_GROUPS):
        count = min(BLOCK_GROUPS, groups - first)
        sizes = [LARGEST[precision], count * SCALES[precision], count * _group_bytes(precision)]
        stop = start + PANEL // UNIT * sum(sizes)
        units = data[:, start:stop].reshape(-1, sum(sizes))
        largest, *rest = torch.split(units, sizes, 1)
        shaped = [part.reshape(len(units), count, part.shape[1] // count) for part in rest]
        found.append((largest[:, None], *shaped))
        start = stop
    return _Parts(*(torch.cat(part, 1) for part in zip(*found, strict=True)))


def _group_bytes(precision: Precision) -> int:
    return UNIT * GROUP[precision] * BITS[precision] // 8


def _bytes(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.uint8)


def _by_unit(scales: Tensor) -> Tensor:
    """(R, n) → uint8 (units, n, bytes of one a row)."""
    return _bytes(scales.reshape(-1, UNIT, scales.shape[1]).transpose(1, 2))


def _by_row(scales: Tensor) -> Tensor:
    """(units, n, one a row) → fp32 (R, n)."""
    return scales.float().transpose(1, 2).reshape(-1, scales.shape[1])


def _lanes_fp32(groups: Tensor) -> Tensor:
    """(R, groups, 64) → uint8 (units, groups, 4096): column outside, row inside."""
    count = groups.shape[1]
    lanes = groups.reshape(-1, UNIT, count, 64).permute(0, 2, 3, 1)
    return _bytes(lanes.reshape(-1, count, 64 * UNIT))


def _from_lanes_fp32(lanes: Tensor) -> Tensor:
    units, count, _ = lanes.shape
    return lanes.reshape(units, count, 64, UNIT).permute(0, 3, 1, 2).reshape(-1, count, 64)


def _lanes_int8(levels: Tensor) -> Tensor:
    """(R, groups, 64) → uint8 (units, groups, 1024): pair of columns, row, column of the pair."""
    count = levels.shape[1]
    lanes = levels.reshape(-1, UNIT, count, 32, 2).permute(0, 2, 3, 1, 4)
    return _bytes(lanes.reshape(-1, count, 1024).to(torch.int8))


def _from_lanes_int8(lanes: Tensor) -> Tensor:
    units, count, _ = lanes.shape
    levels = lanes.contiguous().view(torch.int8).reshape(units, count, 32, UNIT, 2)
    return levels.permute(0, 3, 1, 2, 4).reshape(-1, count, 64).float()


def _lanes_int4(levels: Tensor) -> Tensor:
    """(R, groups, 32) → uint8 (units, groups, 256).

    A 32-bit lane holds eight columns of a row: 0…3 in the low halves of its bytes, 4…7 in the
    high ones, 8 added to each.
    """
    count = levels.shape[1]
    stored = (levels + 8).to(torch.uint8).reshape(-1, 2, 8, count, 4, 2, 4)
    lanes = stored.permute(5, 0, 3, 4, 1, 2, 6)
    return (lanes[0] | lanes[1] << 4).reshape(-1, count, 256)


def _from_lanes_int4(lanes: Tensor) -> Tensor:
    units, count, _ = lanes.shape
    stored = lanes.reshape(units, count, 4, 2, 8, 4).permute(0, 3, 4, 1, 2, 5)
    halves = torch.stack([stored & 15, stored >> 4], -2)
    return halves.reshape(-1, count, 32).float() - 8
