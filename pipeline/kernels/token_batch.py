"""What one step computes: a ragged batch of tokens, prefill chunks and decodes together."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.kernels.packed_adapter import PackedAdapter

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Segment:
    """Neighbouring rows of a batch that share an adapter; None for the base model."""

    adapter: PackedAdapter | None
    start: int
    stop: int


@dataclass(frozen=True)
class TokenBatch:
    """M tokens of S sequences; a sequence's tokens are neighbours, and so are an adapter's.

    Attributes:
        tokens: ids, int32 (M,).
        positions: place of each token in its sequence, int32 (M,).
        sequences: row of `block_table` for each token, int32 (M,).
        block_table: blocks of the KV pool that hold each sequence, int32 (S, max_blocks).
        segments: cover 0…M in order, each adapter once.
        outputs: rows whose logits are wanted, int32, rising.
    """

    tokens: "Tensor"
    positions: "Tensor"
    sequences: "Tensor"
    block_table: "Tensor"
    segments: Sequence[Segment]
    outputs: "Tensor"

    def among_outputs(self) -> list[Segment]:
        """The segments as they are among the outputs: of each the first output and the last."""
        outputs = self.outputs.tolist()
        return [
            Segment(each.adapter, bisect_left(outputs, each.start), bisect_left(outputs, each.stop))
            for each in self.segments
        ]
