"""Where each number of an adapter lies.

As in the fp32 matrices a vector runs over outputs: A is (units of 16 ranks, in, 16), the ranks of
all projections of a site one after another; B is (units of 16 rows, rank, 16), one a projection.
int8 numbers have an fp32 scale for each row, before the units. After the B of a projection whose
output is transformed row by row lie an fp32 factor for each row, and a summand for each. Where an
adapter changes all experts of a layer that follows for each of them, as far apart as one is long.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.abi import ABI
from pipeline.kernels.formats import UNIT, NumberFormat

SITE = np.dtype(ABI.structures["LoraSite"])
"""A row of the table of sites: offsets into the data, as the native kernels read them."""

SOURCE: Any = np.dtype(ABI.structures["AdapterTensor"])
"""A tensor: where it lies, where its rows go, how it is stored, and by what it is multiplied."""

PLACE = np.dtype([(name, SOURCE[name]) for name in ("to", "first", "rows", "columns", "padded")])
"""Where a tensor's rows go: offset of their packed matrix, first row in it, rows, columns, and all
the rows of the matrix, filled up to whole units."""

MAX_PARTS = ABI.constants["MAX_PARTS"]


@dataclass(frozen=True, slots=True)
class LoraShape:
    """Of what an adapter adds to one projection of a site.

    Attributes:
        column: first output column of the projection in the site.
        rank: rows of A, columns of B; 0 where neither is, and the output is only transformed.
        inputs: columns of A.
        outputs: rows of B.
        affine: whether the projection's output is multiplied and added to, row by row.
        experts: that have matrices of these shapes each; 0 for a projection of every token.
    """

    column: int
    rank: int
    inputs: int
    outputs: int
    affine: bool = False
    experts: int = 0


@dataclass(frozen=True, eq=False)
class AdapterLayout:
    """Where the numbers of one adapter go; follows from the shapes of its tensors alone.

    Attributes:
        format: how its numbers are stored.
        sites: one row of `SITE` a site, counted through the layers.
        places: one row of `PLACE` a tensor: A and B of each part of each site in turn, but of
            those of experts.
        size: bytes of the numbers.
    """

    format: NumberFormat
    sites: NDArray[Any]
    places: NDArray[Any]
    size: int

    @classmethod
    def of(cls, sites: Iterable[Sequence[LoraShape]], format: NumberFormat) -> Self:
        """Site by site; an adapter that leaves a site alone has no shapes there."""
        table: list[Any] = []
        places: list[tuple[int, ...]] = []
        size = 0
        for shapes in sites:
            ranks = padded_rows(sum(shape.rank for shape in shapes))
            if shapes and not ranks:
                size = max(size, affine_bytes(UNIT))  # Factors that begin at 0 would be none.
            a, first, parts = size, 0, []
            if shapes:
                size += packed_bytes(ranks, shapes[0].inputs, format)
            for shape in shapes:
                if shape.rank and not shape.experts:
                    places.append((a, first, shape.rank, shape.inputs, ranks))
                    places.append((size, 0, shape.outputs, shape.rank, padded_rows(shape.outputs)))
                b, size = size, size + packed_bytes(shape.outputs, shape.rank, format)
                affine = size if shape.affine else 0
                parts.append((b, shape.rank, first, shape.column, shape.outputs, affine))
                size += 2 * affine_bytes(shape.outputs) if affine else 0
                first += shape.rank
            parts += [(0, 0, 0, 0, 0, 0)] * (MAX_PARTS - len(parts))
            stride = size - a
            size += sum(stride * (shape.experts - 1) for shape in shapes[:1] if shape.experts)
            table.append((a, ranks, len(shapes), parts, stride))
        return cls(format, np.array(table, SITE), np.array(places, PLACE), size)

    @property
    def bytes(self) -> int:
        """Memory the adapter takes."""
        return self.size + self.sites.nbytes

    @property
    def affine(self) -> list[tuple[int, int]]:
        """Of each projection that has them in turn, where its factors begin, and its rows."""
        parts = self.sites["part"][self.sites["part"]["affine"] > 0]
        return [*zip(parts["affine"].tolist(), parts["columns"].tolist(), strict=True)]


def packed_bytes(rows: int, columns: int, format: NumberFormat) -> int:
    """Bytes of a matrix once packed."""
    padded = padded_rows(rows)
    return padded * columns * format.bits // 8 + scale_bytes(padded, format)


def affine_bytes(rows: int) -> int:
    """Bytes of the factors of so many rows, or of their summands, fp32."""
    return 4 * padded_rows(rows)


def padded_rows(rows: int) -> int:
    """Filled up to whole units."""
    return -(-rows // UNIT) * UNIT


def scale_bytes(padded: int, format: NumberFormat) -> int:
    """Of a packed matrix, before its units."""
    return padded * format.scale_bits // 8
