"""How numbers are stored: the laws that the native kernels and their references share."""

from typing import Literal

import torch
from torch import Tensor

Precision = Literal["fp32", "int8", "int4"]
"""Of the base model's weights."""

AdapterDtype = Literal["fp32", "fp16", "int8"]
"""Of an adapter's matrices."""

GROUP: dict[Precision, int] = {"fp32": 64, "int8": 64, "int4": 32}
"""Neighbouring columns that share a scale (fp32: that are summed before they are added)."""

ACTIVATION_LIMIT: dict[Precision, int] = {"int8": 32767, "int4": 127}
"""Largest magnitude of a quantised activation: 16 bits beside int8 weights, 8 beside int4."""


BLOCK_GROUPS = 8
"""Neighbouring groups that share the scale of quantised activations."""


def blocks(groups: int) -> int:
    """Blocks that hold so many groups."""
    return -(-groups // BLOCK_GROUPS)


def grouped(rows: Tensor, precision: Precision) -> Tensor:
    """(R, groups, group) view of (R, K), the last group filled up with zeros."""
    size = GROUP[precision]
    padded = torch.nn.functional.pad(rows, (0, -rows.shape[1] % size))
    return padded.reshape(len(rows), padded.shape[1] // size, size)


def largest_of_block(groups: Tensor) -> Tensor:
    """(R, groups) ≥ 0 → the same shape: of each block the largest, for all of its groups."""
    count = groups.shape[1]
    padded = torch.nn.functional.pad(groups, (0, -count % BLOCK_GROUPS))
    largest = padded.reshape(len(groups), blocks(count), BLOCK_GROUPS).amax(-1)
    return largest.repeat_interleave(BLOCK_GROUPS, 1)[:, :count]


def quantised_activations(values: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
    """Integers (M, groups, group) and fp32 scales (M, groups) of activations.

    The scale is the block's largest magnitude over the limit, so nothing is clipped.
    """
    groups = grouped(values, precision)
    scales = largest_of_block(groups.abs().amax(-1)) / ACTIVATION_LIMIT[precision]
    inverse = torch.where(scales > 0, 1 / scales, 0.0)
    return (groups * inverse[..., None]).round(), scales


def quantised_int8(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Integers −127…127 (R, groups, group) and fp16-exact scales (R, groups) of weights.

    The scale is the group's largest magnitude over 127.
    """
    groups = grouped(rows, "int8")
    scales = _half(groups.abs().amax(-1) / 127)
    return _levels(groups, scales, -127, 127), scales


def quantised_int4(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Integers −8…7 (R, groups, group) of weights, and two parts of their scales (R, groups).

    The scale wanted is the one of `CANDIDATES`, each improved to the least-squares scale of the
    levels it leads to, whose squared error is least. The scale kept is a whole share, −127…127, of
    the block's largest in 127ths; that largest one is fp16-exact.

    Returns:
        The levels, the shares, and the largest scales, repeated for each group of a block.
    """
    groups = grouped(rows, "int4")
    extreme = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))[..., 0]
    fits = [_fit(groups, extreme / level) for level in CANDIDATES]
    scales, errors = (torch.stack(each) for each in zip(*fits, strict=True))
    wanted = scales.gather(0, errors.argmin(0, keepdim=True))[0]
    largest = _half(largest_of_block(wanted.abs()))
    shares = (wanted * torch.where(largest > 0, 1 / largest, 0.0) * 127).round().clamp(-127, 127)
    return _levels(groups, scale_of_share(shares, largest), -8, 7), shares, largest


def scale_of_share(shares: Tensor, largest: Tensor) -> Tensor:
    """What those shares of the largest scale stand for."""
    return shares * largest / 127


def _fit(groups: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """The scales that best fit the int4 levels which others lead to, and what these then err."""
    levels = _levels(groups, scales, -8, 7)
    squares = levels.square().sum(-1)
    fitted = torch.where(squares > 0, (levels * groups).sum(-1) / squares, 0.0)
    return fitted, (levels * fitted[..., None] - groups).square().sum(-1)


CANDIDATES = tuple(-8.0 + 0.25 * step for step in range(-3, 7))
"""Levels that an int4 group's extreme weight may fall on; −8 is what q4_0 always takes."""


def _levels(groups: Tensor, scales: Tensor, low: int, high: int) -> Tensor:
    inverse = torch.where(scales != 0, 1 / scales, 0.0)
    return (groups * inverse[..., None]).round().clamp(low, high)


def _half(scales: Tensor) -> Tensor:
    return scales.half().float()
