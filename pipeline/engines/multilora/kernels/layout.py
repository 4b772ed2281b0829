"""Where each weight lies in a packed matrix, in plain PyTorch.

A thread takes a panel of 64 rows and reads it from its first byte to its last:

    panel → block of 512 columns → unit of 16 rows → group of columns → scales, weights

so that a block's activations stay in the first-level cache while the four units of the panel pass
over them. Inside a group neighbouring rows are neighbouring lanes: a lane holds one output, each
activation is broadcast, and no sum ever runs across lanes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.engines.multilora.kernels.precision import GROUP, Precision, quantised_weights

PANEL = 64
UNIT = 16
BLOCK = 512
SCALES = {"fp32": 0, "int8": 2 * UNIT, "int4": 2 * UNIT}
"""Bytes of a group's scales, one fp16 a row."""
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
    weights = UNIT * GROUP[precision] * BITS[precision] // 8
    return PANEL // UNIT * groups * (SCALES[precision] + weights)


def pack(rows: Tensor, precision: Precision) -> Tensor:
    """(R, K) fp32 → uint8 (panels, bytes of a panel); missing rows are zero."""
    rows = torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % PANEL))
    if precision == "fp32":
        size = GROUP["fp32"]
        groups = torch.nn.functional.pad(rows, (0, -rows.shape[1] % size))
        weights = _lanes_fp32(groups.reshape(len(rows), -1, size))
        return _ordered(_bytes(weights), precision)
    levels, scales = quantised_weights(rows, precision)
    weights = (_lanes_int8 if precision == "int8" else _lanes_int4)(levels)
    by_unit = scales.half().reshape(-1, UNIT, scales.shape[1]).transpose(1, 2)
    return _ordered(torch.cat([_bytes(by_unit), weights], -1), precision)


def unpack(matrix: Matrix) -> Tensor:
    """The (rows, columns) fp32 weights that a packed matrix stands for."""
    precision = matrix.precision
    blocks = _disordered(matrix.data, matrix.columns, precision)
    head, weights = blocks[..., : SCALES[precision]], blocks[..., SCALES[precision] :]
    if precision == "fp32":
        levels = _from_lanes_fp32(weights.contiguous().view(torch.float32))
    else:
        from_lanes = _from_lanes_int8 if precision == "int8" else _from_lanes_int4
        scales = head.contiguous().view(torch.float16).float()
        levels = from_lanes(weights) * scales.transpose(1, 2).reshape(-1, scales.shape[1], 1)
    return levels.reshape(len(levels), -1)[: matrix.rows, : matrix.columns]


def _bytes(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.uint8)


def _ordered(blocks: Tensor, precision: Precision) -> Tensor:
    """(units, groups, bytes) → (panels, bytes): block of columns outside, unit inside."""
    groups, size = blocks.shape[1:]
    by_panel = blocks.reshape(-1, PANEL // UNIT, groups, size)
    parts = torch.split(by_panel, BLOCK // GROUP[precision], dim=2)
    return torch.cat([part.reshape(len(by_panel), -1) for part in parts], -1).contiguous()


def _disordered(data: Tensor, columns: int, precision: Precision) -> Tensor:
    size = SCALES[precision] + UNIT * GROUP[precision] * BITS[precision] // 8
    units, groups = PANEL // UNIT, -(-columns // GROUP[precision])
    step = BLOCK // GROUP[precision]
    widths = [min(step, groups - first) for first in range(0, groups, step)]
    parts = torch.split(data, [units * width * size for width in widths], dim=1)
    shaped = [p.reshape(-1, units, w, size) for p, w in zip(parts, widths, strict=True)]
    return torch.cat(shaped, 2).reshape(-1, groups, size)


def _lanes_fp32(groups: Tensor) -> Tensor:
    """(R, groups, 64) → (units, groups, 64 × 16): column outside, row inside."""
    count = groups.shape[1]
    return groups.reshape(-1, UNIT, count, 64).permute(0, 2, 3, 1).reshape(-1, count, 64 * UNIT)


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
