"""Where each weight lies in a packed matrix, in plain PyTorch; drawn in docs/kernels.md.

A thread takes a panel of 64 rows and reads it from its first byte to its last:

    panel → block of 8 groups of columns → unit of 16 rows → scales, groups of weights

so that a block's activations stay in the first-level cache while the four units of the panel pass
over them. Inside a group neighbouring rows are neighbouring lanes: a lane holds one output, each
activation is broadcast, and no sum ever runs across lanes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.kernels.formats import BLOCK_GROUPS, PANEL, UNIT, WeightFormat, blocks
from pipeline.kernels.memory import held
from pipeline.kernels.quantise import QuantisedWeights, quantised_weights

SCALES = {8: torch.int8, 16: torch.float16}
"""How scales of so many bits are stored."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """A packed weight matrix.

    Attributes:
        format: how its weights are stored.
        rows: outputs.
        columns: inputs.
        data: the bytes, uint8 (panels, bytes of a panel).
        bias: fp32 (rows filled up to whole panels,), or None.
    """

    format: WeightFormat
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
        held(self.data, torch.uint8, (count, panel_bytes(self.columns, self.format)))
        if self.bias is not None:
            held(self.bias, torch.float32, (count * PANEL,))

    @property
    def bytes(self) -> int:
        """Memory it takes, all of it read when it is used."""
        return self.data.nbytes + (0 if self.bias is None else self.bias.nbytes)


def panels(rows: int) -> int:
    """Panels that hold so many rows."""
    return -(-rows // PANEL)


def panel_bytes(columns: int, format: WeightFormat) -> int:
    """Bytes of one panel."""
    groups = format.groups(columns)
    scales = blocks(groups) * format.block_scale_bytes + groups * format.scale_bytes
    offsets = pairs(groups) * format.offset_pair_bytes
    return PANEL // UNIT * (scales + offsets + groups * format.group_bytes)


def pairs(groups: int) -> int:
    """Pairs of groups, whose offsets lie side by side; the last may be half empty."""
    return -(-groups // 2)


def pack(rows: Tensor, format: WeightFormat) -> Tensor:
    """(R, K) fp32 → uint8 (panels, bytes of a panel); missing rows are zero."""
    rows = torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % PANEL))
    quantised = quantised_weights(rows, format)
    weights = _lanes(quantised.levels, format)
    none = weights[:, :, :0]
    scales, block_scales, offsets = none, none[:, ::BLOCK_GROUPS], none[:, ::2]
    if quantised.scales is not None:
        scales = _by_unit(quantised.scales, format.scale_bits)
    if quantised.block_scales is not None:
        block_scales = _by_unit(quantised.block_scales, format.block_scale_bits)
    if quantised.offsets is not None:
        offsets = _by_pair(quantised.offsets, format.offset_bits)
    return _ordered(_Parts(block_scales, scales, offsets, weights))


def unpack(matrix: Matrix) -> Tensor:
    """The (rows, columns) fp32 weights that a packed matrix stands for."""
    format = matrix.format
    parts = _disordered(matrix.data, matrix.columns, format)
    quantised = QuantisedWeights(
        _from_lanes(parts.weights, format),
        _by_row(parts.scales, format.scale_bits),
        _by_row(parts.block_scales, format.block_scale_bits),
        _from_pairs(parts.offsets, format.groups(matrix.columns), format.offset_bits),
    )
    weights = quantised.weights(format)
    return weights.reshape(len(weights), -1)[: matrix.rows, : matrix.columns]


@dataclass(frozen=True, eq=False)
class _Parts:
    """A matrix's bytes by what they are: uint8 (units, blocks, groups or pairs, bytes of one)."""

    block_scales: Tensor
    scales: Tensor
    offsets: Tensor
    weights: Tensor


def _ordered(parts: _Parts) -> Tensor:
    """(panels, bytes of a panel): block of columns outside, unit inside."""
    each_block = zip(
        torch.split(parts.block_scales, 1, 1),
        torch.split(parts.scales, BLOCK_GROUPS, 1),
        torch.split(parts.offsets, BLOCK_GROUPS // 2, 1),
        torch.split(parts.weights, BLOCK_GROUPS, 1),
        strict=True,
    )
    units = [torch.cat([part.flatten(1) for part in block], 1) for block in each_block]
    return torch.cat([unit.reshape(-1, PANEL // UNIT * unit.shape[1]) for unit in units], 1)


def _disordered(data: Tensor, columns: int, format: WeightFormat) -> _Parts:
    groups, start, found = format.groups(columns), 0, []
    for first in range(0, groups, BLOCK_GROUPS):
        count = min(BLOCK_GROUPS, groups - first)
        counts = (1, count, pairs(count), count)
        sizes = [each * size for each, size in zip(counts, format.part_bytes, strict=True)]
        stop = start + PANEL // UNIT * sum(sizes)
        units = data[:, start:stop].reshape(-1, sum(sizes))
        parts = zip(torch.split(units, sizes, 1), counts, format.part_bytes, strict=True)
        found.append([part.reshape(len(units), each, size) for part, each, size in parts])
        start = stop
    return _Parts(*(torch.cat(part, 1) for part in zip(*found, strict=True)))


def _bytes(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.uint8)


def _by_unit(scales: Tensor, bits: int) -> Tensor:
    """(R, n) → uint8 (units, n, bytes of one a row)."""
    units = scales.reshape(-1, UNIT, scales.shape[1]).transpose(1, 2)
    return _bytes(units.to(SCALES[bits]))


def _by_row(scales: Tensor, bits: int) -> Tensor | None:
    """(units, n, bytes of one a row) → fp32 (R, n), or None if there are none."""
    if not bits:
        return None
    rows = scales.contiguous().view(SCALES[bits]).float().transpose(1, 2)
    return rows.reshape(-1, scales.shape[1])


def _by_pair(offsets: Tensor, bits: int) -> Tensor:
    """(R, groups) → uint8 (units, pairs, bytes of two a row)."""
    even = torch.nn.functional.pad(offsets, (0, offsets.shape[1] % 2))
    units = even.reshape(-1, UNIT, even.shape[1] // 2, 2).transpose(1, 2)
    return _bytes(units.reshape(len(units), -1, 2 * UNIT).to(SCALES[bits]))


def _from_pairs(pairs: Tensor, groups: int, bits: int) -> Tensor | None:
    """(units, pairs, bytes of two a row) → fp32 (R, groups), or None if there are none."""
    if not bits:
        return None
    offsets = pairs.contiguous().view(SCALES[bits]).float().reshape(len(pairs), -1, UNIT, 2)
    return offsets.transpose(1, 2).reshape(len(pairs) * UNIT, -1)[:, :groups]


def _lanes(levels: Tensor, format: WeightFormat) -> Tensor:
    """(R, groups, group) → uint8 (units, groups, bytes of a unit's group).

    Columns outside, `lane_columns` at a time; then rows; then these columns of the row, the first
    of them in the low bits of bytes that hold several.
    """
    count, lane = levels.shape[1], format.lane_columns
    lanes = levels.reshape(-1, UNIT, count, format.group // lane, lane).permute(0, 2, 3, 1, 4)
    if format.scale_bits:
        stored = (lanes + format.zero_point).to(torch.int16) & 255
        pieces = stored.chunk(8 // format.weight_bits, -1)
        shifted = [piece << format.weight_bits * part for part, piece in enumerate(pieces)]
        lanes = torch.stack(shifted).sum(0).to(torch.uint8)
    return _bytes(lanes.reshape(len(lanes), count, -1))


def _from_lanes(lanes: Tensor, format: WeightFormat) -> Tensor:
    """What `_lanes` made (units, groups, bytes), as fp32 (R, groups, group) again."""
    units, count, _ = lanes.shape
    lane, bits = format.lane_columns, format.weight_bits
    if not format.scale_bits:
        levels = lanes.contiguous().view(torch.float32)
    else:
        stored = lanes.to(torch.int16).reshape(units, count, format.group // lane, UNIT, -1)
        pieces = [stored >> bits * part & 2**bits - 1 for part in range(8 // bits)]
        levels = torch.cat(pieces, -1) - format.zero_point
        levels = torch.where(levels > format.highest_level, levels - 2**bits, levels)
    shaped = levels.reshape(units, count, format.group // lane, UNIT, lane)
    return shaped.permute(0, 3, 1, 2, 4).reshape(-1, count, format.group).float()
