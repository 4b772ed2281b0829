"""How numbers become integers: the laws that the native kernels and their references share."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.kernels.formats import (
    BLOCK_GROUPS,
    OFFSET_SHARES,
    NumberFormat,
    WeightFormat,
    highest_level,
)


@dataclass(frozen=True, eq=False)
class QuantisedWeights:
    """What is stored of a matrix, by rows.

    Attributes:
        levels: whole numbers among the format's levels, or floats as they are, (R, groups, group).
        scales: (R, groups): a group's scale, fp16-exact, or its sub-scale; None for floats.
        block_scales: (R, blocks), fp16-exact; None where scales are no shares of them.
        offsets: (R, groups), whole numbers of steps; None where the format has none.
    """

    levels: Tensor
    scales: Tensor | None = None
    block_scales: Tensor | None = None
    offsets: Tensor | None = None

    def weights(self, format: WeightFormat) -> Tensor:
        """The weights (R, groups, group) that they stand for."""
        if self.scales is None:
            return self.levels
        scales = self.scales
        if self.block_scales is None or self.offsets is None:
            return self.levels * scales[..., None]
        share = _share(self.block_scales, scales, format)
        steps = self.offsets * OFFSET_SHARES
        return (self.levels * scales[..., None] + steps[..., None]) * share[..., None]


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


def quantised_vectors(vectors: Tensor, format: NumberFormat) -> tuple[Tensor, Tensor]:
    """Keys or values (..., width) as integers, and their fp32 scales (...).

    The scale is the vector's largest magnitude over the highest level.
    """
    scales = vectors.abs().amax(-1) / highest_level(format.bits)
    inverse = torch.where(scales > 0, 1 / scales, 0.0)
    return (vectors * inverse[..., None]).round(), scales


def grouped(rows: Tensor, format: WeightFormat) -> Tensor:
    """(R, groups, group) view of (R, K), the last group filled up with zeros."""
    padded = torch.nn.functional.pad(rows, (0, -rows.shape[1] % format.group))
    return padded.reshape(len(rows), format.groups(rows.shape[1]), format.group)


def _by_group(groups: Tensor, format: WeightFormat) -> QuantisedWeights:
    """The scale is the group's largest magnitude over the highest level.

    Weights that were rounded to one of `FEWER` levels before keep the scale that they had.
    """
    largest = groups.abs().amax(-1)
    scales = _half(largest / format.highest_level)
    for level in FEWER:
        own = _half(largest / level)
        kept = (_levels(groups, own, format) * own[..., None] == groups).all(-1)
        scales = torch.where(kept, own, scales)
    return QuantisedWeights(_levels(groups, scales, format), scales)


FEWER = (7, 8, 15, 16)
"""Levels on which the largest magnitude stands in GGUF's q4_0 and q5_0; on the lower of the two
where weights were rounded by what they are multiplied by, too (llama.cpp's imatrix)."""


def _by_sub_scales(groups: Tensor, format: WeightFormat) -> QuantisedWeights:
    """Scales and offsets that fit, kept as shares of one number of their block.

    Those wanted are the least-squares line through the levels that one of `INSIDE`² leads to,
    whichever errs least. Weights that were rounded to the levels of q4_0 before want the scale that
    they had, which may be negative, and no offset.

    Kept are whole numbers, for 8 bits −127…127: of a scale so many 127ths of
    the block's, of an offset so many times `OFFSET_SHARES` of these. The block's is fp16-exact, and
    the least that holds all of them.
    """
    fits = [_fit(groups, below, above, format) for below in INSIDE for above in INSIDE]
    scales, offsets, errors = (torch.stack(each) for each in zip(*fits, strict=True))
    best = errors.argmin(0, keepdim=True)
    scales, offsets = scales.gather(0, best)[0], offsets.gather(0, best)[0]
    for level in AT_AN_END:
        own = _half(_furthest(groups) / level)
        kept = (_levels(groups, own, format) * own[..., None] == groups).all(-1)
        scales, offsets = torch.where(kept, own, scales), torch.where(kept, 0.0, offsets)
    needed = torch.maximum(scales.abs(), offsets.abs() / OFFSET_SHARES)
    block_scales = _half(_largest_of(needed, BLOCK_GROUPS))
    share = _share(block_scales, scales, format)
    shares, steps = (
        _steps(scales, share, format.scale_bits),
        _steps(offsets, OFFSET_SHARES * share, format.offset_bits),
    )
    shifted = groups - (steps * OFFSET_SHARES * share)[..., None]
    return QuantisedWeights(_levels(shifted, shares * share, format), shares, block_scales, steps)


AT_AN_END = (-7, -8)
"""Levels on which the weight furthest from 0 stands in GGUF's q4_0."""

INSIDE = (-0.4, 0.1, 0.6)
"""How far inside the levels a group's lowest and highest weight may fall, in levels."""


def _fit(
    groups: Tensor, below: float, above: float, format: WeightFormat
) -> tuple[Tensor, Tensor, Tensor]:
    """Scales and offsets, and what these then err."""
    lowest, span = groups.amin(-1), format.highest_level - format.lowest_level
    scales = (groups.amax(-1) - lowest) / (span - below - above)
    offsets = lowest - (format.lowest_level + below) * scales
    levels = _levels(groups - offsets[..., None], scales, format)
    means, middles = groups.mean(-1, keepdim=True), levels.mean(-1, keepdim=True)
    apart = levels - middles
    spread = apart.square().sum(-1)
    scales = torch.where(spread > 0, (apart * (groups - means)).sum(-1) / spread, 0.0)
    offsets = means[..., 0] - scales * middles[..., 0]
    errors = levels * scales[..., None] + offsets[..., None] - groups
    return scales, offsets, errors.square().sum(-1)


def _share(block_scales: Tensor, groups: Tensor, format: WeightFormat) -> Tensor:
    """What one share of the block's scale stands for, (R, groups)."""
    return _of_each_group(block_scales, groups, BLOCK_GROUPS) / highest_level(format.scale_bits)


def _steps(values: Tensor, step: Tensor, bits: int) -> Tensor:
    """Whole numbers of steps."""
    most = highest_level(bits)
    return (values * torch.where(step > 0, 1 / step, 0.0)).round().clamp(-most, most)


def _furthest(groups: Tensor) -> Tensor:
    """Of each group the weight furthest from 0."""
    lowest, highest = groups.aminmax(dim=-1)
    return torch.where(highest >= -lowest, highest, lowest)


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


def _half(scales: Tensor) -> Tensor:
    return scales.half().float()
