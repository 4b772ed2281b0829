"""How weights and adapters' numbers are stored, as properties; what users call them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.kernels.abi import ABI

Precision = Literal["fp32", "int8", "int4"]
"""Names of the base model's weight formats."""

ActivationDtype = Literal["int8", "int16"]
"""What int8 weights are multiplied by."""

NumberDtype = Literal["fp32", "fp16", "int8"]
"""Names of the formats of an adapter's matrices, and of keys and values."""

UNIT, PANEL, BLOCK_GROUPS = (ABI.constants[each] for each in ("UNIT", "PANEL", "BLOCK_GROUPS"))
"""Rows whose weights lie side by side; rows that a thread takes; groups of a unit
that lie together."""

OFFSET_SHARES = ABI.constants["OFFSET_SHARES"]
"""Shares of a block's scale in a step of an offset."""


@dataclass(frozen=True)
class WeightFormat:
    """How the weights of a matrix are stored, and what becomes of the activations that meet them.

    Attributes:
        name: what users type.
        number: its place in the native kernels' list.
        weight_bits: of a weight; 32 are a float.
        activation_bits: of an activation; 32 are a float.
        group: neighbouring columns that share a scale, or (floats) are summed on their own.
        lane_columns: columns of a row that lie side by side before the next row's. Where several
            fit into a byte, the first of them are in the low bits.
        scale_bits: of a row's scale for a group; 0 for none.
        block_scale_bits: of a row's scale for a block of groups, 0 for none. Where there is one, a
            group's scale is a sub-scale: a whole share of it.
        offset_bits: of what is added to a row's weights in a group, a whole number of steps of
            `OFFSET_SHARES` shares; 0 for none.
        zero_point: added to each level before it is stored.
        activation_groups: groups whose activations share a scale; divides `BLOCK_GROUPS`.
    """

    name: str
    number: int
    weight_bits: int
    activation_bits: int
    group: int
    lane_columns: int
    scale_bits: int
    block_scale_bits: int
    offset_bits: int
    zero_point: int
    activation_groups: int

    @property
    def highest_level(self) -> int:
        """Of a quantised weight."""
        return highest_level(self.weight_bits)

    @property
    def lowest_level(self) -> int:
        """Of a quantised weight; symmetric unless there is a zero point."""
        return -self.zero_point or -self.highest_level

    @property
    def stored_bits(self) -> float:
        """Of a weight, with its part of scales and offsets; matrices are filled up to panels."""
        in_group = (self.scale_bits + self.offset_bits) / self.group
        return self.weight_bits + in_group + self.block_scale_bits / self.group / BLOCK_GROUPS

    @property
    def group_bytes(self) -> int:
        """Of a unit's weights in one group."""
        return UNIT * self.group * self.weight_bits // 8

    @property
    def scale_bytes(self) -> int:
        """Of a unit's scales for one group."""
        return UNIT * self.scale_bits // 8

    @property
    def block_scale_bytes(self) -> int:
        """Of a unit's scales for one block."""
        return UNIT * self.block_scale_bits // 8

    @property
    def offset_pair_bytes(self) -> int:
        """Of a unit's offsets for two groups."""
        return 2 * UNIT * self.offset_bits // 8

    @property
    def part_bytes(self) -> tuple[int, int, int, int]:
        """Of a unit: a block's scales, a group's, the offsets of two groups, a group's weights."""
        offsets = self.offset_pair_bytes
        return self.block_scale_bytes, self.scale_bytes, offsets, self.group_bytes

    def groups(self, columns: int) -> int:
        """Groups that hold so many columns."""
        return -(-columns // self.group)


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of adapters, keys and values are stored.

    Attributes:
        name: what users type.
        number: its place in the native kernels' list.
        bits: of a number.
        scale_bits: of the scale of each row of A and of B, or of each position of a key head; 0 for
            none.
    """

    name: str
    number: int
    bits: int
    scale_bits: int

    @property
    def numpy(self) -> str:
        """NumPy's name of its numbers' type."""
        return f"{'i' if self.scale_bits else 'f'}{self.bits // 8}"


def highest_level(bits: int) -> int:
    """Of a signed integer whose levels are symmetric."""
    return int(2 ** (bits - 1)) - 1


def blocks(groups: int) -> int:
    """Blocks that hold so many groups."""
    return -(-groups // BLOCK_GROUPS)


FORMATS: Mapping[str, WeightFormat] = {
    name.lower(): WeightFormat(name.lower(), number, **ABI.values[name])
    for number, name in enumerate(ABI.lists["WEIGHT_FORMATS"])
}
"""All of them, by name; that of a precision says `weight_format`."""


def weight_format(precision: Precision, activations: ActivationDtype) -> WeightFormat:
    """What stores weights of a precision, for activations of that type where there is a choice."""
    short = precision == "int8" and activations == "int8"
    return FORMATS["int8_a8" if short else precision]


EDGE_PRECISION: Mapping[Precision, Precision] = {"fp32": "fp32", "int8": "int8", "int4": "int8"}
"""Of the matrices at either end of a model, by the precision of the rest. Never 4 bits: errors of
the first queries, keys and values go through all layers, those of the output layer reach the logits
undamped."""

NUMBER_FORMATS: Mapping[str, NumberFormat] = {
    short: NumberFormat(short, number, **ABI.values[name])
    for number, name in enumerate(ABI.lists["NUMBER_FORMATS"])
    for short in [name.removeprefix("NUMBER_").lower()]
}
"""By what users type as `engine.adapter_precision` and `engine.kv_precision`."""
