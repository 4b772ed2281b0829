"""How numbers become integers: the laws that the native kernels and their references share."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.kernels.formats import BLOCK_GROUPS, WeightFormat, highest_level


@dataclass(frozen=True, eq=False)
class QuantisedWeights:
    """What is stored of a matrix, by rows.

    Attributes:
        levels: whole numbers among the format's levels, or floats as they are, (R, groups, group).
        scales: (R, groups): a group's scale, fp16-exact, or its sub-scale; None for floats.
        block_scales: (R, blocks), fp16-exact; None where scales are no shares of them.
    """

    levels: Tensor
    scales: Tensor | None = None
    block_scales: Tensor | None = None

    def weights(self, format: WeightFormat) -> Tensor:
        """The weights (R, groups, group) that they stand for."""
        if self.scales is None:
            return self.levels
        scales = self.scales
        if self.block_scales is not None:
            scales = _scale_of_share(
                scales, _of_each_group(self.block_scales, scales, BLOCK_GROUPS), format
            )
        return self.levels * scales[..., None]


def quantised_weights(rows: Tensor, format: WeightFormat) -> QuantisedWeights:
    """Of (R, K) weights what a format stores."""
    groups = grouped(rows, format)
    if not format.scale_bits:
        return QuantisedWeights(groups)
    if not format.block_scale_bits:
        return _by_group(groups, format)
    return _by_sub_scales(groups, format)


def quantised_activations(values: Tensor, format: WeightFormat) -> tuple[Tensor, Tensor]:
    """Integers (M, groups, group) and fp32 scales (M, groups) of activations.

    The scale is the largest magnitude of the groups that share it over the highest level, so
    nothing is clipped.
    """
    groups = grouped(values, format)
    largest = groups.abs().amax(-1)
    count = format.activation_groups
    scales = _of_each_group(_largest_of(largest, count), largest, count)
    scales = scales / highest_level(format.activation_bits)
    inverse = torch.where(scales > 0, 1 / scales, 0.0)
    return (groups * inverse[..., None]).round(), scales


def grouped(rows: Tensor, format: WeightFormat) -> Tensor:
    """(R, groups, group) view of (R, K), the last group filled up with zeros."""
    padded = torch.nn.functional.pad(rows, (0, -rows.shape[1] % format.group))
    return padded.reshape(len(rows), format.groups(rows.shape[1]), format.group)


def _by_group(groups: Tensor, format: WeightFormat) -> QuantisedWeights:
    """The scale is the group's largest magnitude over the highest level."""
    scales = _half(groups.abs().amax(-1) / format.highest_level)
    return QuantisedWeights(_levels(groups, scales, format), scales)


def _by_sub_scales(groups: Tensor, format: WeightFormat) -> QuantisedWeights:
    """Scales that fit, kept as shares of the largest of their block.

    The scale wanted is the one of `CANDIDATES`, each improved to the least-squares scale of the
    levels it leads to, whose squared error is least. The scale kept is a whole share, for 8 bits
    −127…127, of the block's largest in as many parts; that largest one is fp16-exact.
    """
    extreme = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))[..., 0]
    fits = [_fit(groups, extreme / (format.lowest_level + above), format) for above in CANDIDATES]
    scales, errors = (torch.stack(each) for each in zip(*fits, strict=True))
    wanted = scales.gather(0, errors.argmin(0, keepdim=True))[0]
    block_scales = _half(_largest_of(wanted.abs(), BLOCK_GROUPS))
    largest, parts = (
        _of_each_group(block_scales, wanted, BLOCK_GROUPS),
        highest_level(format.scale_bits),
    )
    shares = wanted * torch.where(largest > 0, 1 / largest, 0.0) * parts
    shares = shares.round().clamp(-parts, parts)
    levels = _levels(groups, _scale_of_share(shares, largest, format), format)
    return QuantisedWeights(levels, shares, block_scales)


CANDIDATES = tuple(0.25 * step for step in range(-3, 7))
"""Levels, counted from the lowest, that a group's extreme weight may fall on; q4_0 always takes the
lowest."""


def _fit(groups: Tensor, scales: Tensor, format: WeightFormat) -> tuple[Tensor, Tensor]:
    """The scales that best fit the levels which others lead to, and what these then err."""
    levels = _levels(groups, scales, format)
    squares = levels.square().sum(-1)
    fitted = torch.where(squares > 0, (levels * groups).sum(-1) / squares, 0.0)
    return fitted, (levels * fitted[..., None] - groups).square().sum(-1)


def _levels(groups: Tensor, scales: Tensor, format: WeightFormat) -> Tensor:
    inverse = torch.where(scales != 0, 1 / scales, 0.0)
    levels = (groups * inverse[..., None]).round()
    return levels.clamp(format.lowest_level, format.highest_level)


def _largest_of(groups: Tensor, count: int) -> Tensor:
    """(R, groups) ≥ 0 → (R, groups / count), rounded up: of so many neighbours each."""
    padded = torch.nn.functional.pad(groups, (0, -groups.shape[1] % count))
    return padded.reshape(len(groups), padded.shape[1] // count, count).amax(-1)


def _of_each_group(of_neighbours: Tensor, groups: Tensor, count: int) -> Tensor:
    """(R, groups / count) → (R, groups): each as often as it has groups."""
    return of_neighbours.repeat_interleave(count, 1)[:, : groups.shape[1]]


def _scale_of_share(shares: Tensor, largest: Tensor, format: WeightFormat) -> Tensor:
    """What those shares of the largest scale stand for."""
    return shares * largest / highest_level(format.scale_bits)


def _half(scales: Tensor) -> Tensor:
    return scales.half().float()
