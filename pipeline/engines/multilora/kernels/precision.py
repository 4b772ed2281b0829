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


def grouped(rows: Tensor, precision: Precision) -> Tensor:
    """(R, groups, group) view of (R, K), the last group filled up with zeros."""
    size = GROUP[precision]
    padded = torch.nn.functional.pad(rows, (0, -rows.shape[1] % size))
    return padded.reshape(len(rows), padded.shape[1] // size, size)


def quantised_activations(values: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
    """Integers (M, groups, group) and fp32 scales (M, groups) of activations.

    The scale is the group's largest magnitude over the limit, so nothing is clipped.
    """
    groups = grouped(values, precision)
    scales = groups.abs().amax(-1) / ACTIVATION_LIMIT[precision]
    inverse = torch.where(scales > 0, 1 / scales, 0.0)
    return (groups * inverse[..., None]).round(), scales


def quantised_weights(rows: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
    """Integers (R, groups, group) and fp16-exact scales (R, groups) of weights.

    int8: −127…127 by the group's largest magnitude. int4: −8…7 by the scale of `CANDIDATES`
    and the least-squares scale of those levels, whichever pair's squared error is least.
    """
    groups = grouped(rows, precision)
    if precision == "int8":
        scales = _half(groups.abs().amax(-1) / 127)
        return _levels(groups, scales, -127, 127), scales
    extreme = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))[..., 0]
    fits = [_fit(groups, _half(extreme / level)) for level in CANDIDATES]
    levels, scales, errors = (torch.stack(each) for each in zip(*fits, strict=True))
    best = errors.argmin(0, keepdim=True)
    chosen = levels.gather(0, best[..., None].expand(1, *groups.shape))[0]
    return chosen, scales.gather(0, best)[0]


def _fit(groups: Tensor, scales: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """int4 levels that scales lead to, the scales that then fit them best, and what these err."""
    levels = _levels(groups, scales, -8, 7)
    squares = levels.square().sum(-1)
    fitted = _half(torch.where(squares > 0, (levels * groups).sum(-1) / squares, 0.0))
    return levels, fitted, (levels * fitted[..., None] - groups).square().sum(-1)


CANDIDATES = tuple(-8.0 + 0.25 * step for step in range(-3, 7))
"""Levels that an int4 group's extreme weight may fall on; −8 is what q4_0 always takes."""


def _levels(groups: Tensor, scales: Tensor, low: int, high: int) -> Tensor:
    inverse = torch.where(scales != 0, 1 / scales, 0.0)
    return (groups * inverse[..., None]).round().clamp(low, high)


def _half(scales: Tensor) -> Tensor:
    return scales.half().float()
