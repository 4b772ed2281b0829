"""Where each number of an adapter lies, in plain PyTorch.

As in the fp32 matrices a vector runs over outputs: A is (units of 16 ranks, in, 16), the ranks of
all projections of a site one after another; B is (units of 16 rows, rank, 16), one a projection.
int8 numbers have an fp32 scale for each row, before the units.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.kernels.layout import UNIT
from pipeline.kernels.precision import AdapterDtype

BITS: dict[AdapterDtype, int] = {"fp32": 32, "fp16": 16, "int8": 8}
NUMPY = {"fp32": np.float32, "fp16": np.float16, "int8": np.int8}
MOST_PARTS = 3
PART = np.dtype([("b", "i8"), *((name, "i4") for name in ("rank", "first", "column", "columns"))])
SITE = np.dtype([("a", "i8"), ("ranks", "i4"), ("parts", "i4"), ("part", PART, (MOST_PARTS,))])
"""A row of the table of sites: offsets into the data, as kernels.h reads them."""

PLACE = np.dtype([("to", "i8"), *((name, "i4") for name in ("first", "rows", "columns", "padded"))])
"""Where a tensor's rows go: offset of their packed matrix, first row in it, rows, columns, and all
the rows of the matrix, filled up to whole units."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of what an adapter adds to one projection of a site.

    Attributes:
        column: first output column of the projection in the site.
        rank: rows of A, columns of B.
        inputs: columns of A.
        outputs: rows of B.
    """

    column: int
    rank: int
    inputs: int
    outputs: int


@dataclass(frozen=True, eq=False)
class Part:
    """What an adapter adds to one projection of a site.

    Attributes:
        column: first output column of the projection in the site.
        a: (rank, in).
        b: (out, rank), the scaling folded in.
    """

    column: int
    a: Tensor
    b: Tensor

    @property
    def shape(self) -> Shape:
        """Its dimensions."""
        rank, inputs = self.a.shape
        return Shape(self.column, rank, inputs, len(self.b))


@dataclass(frozen=True, eq=False)
class AdapterLayout:
    """Where the numbers of one adapter go; follows from the shapes of its tensors alone.

    Attributes:
        dtype: how its numbers are stored.
        sites: one row of `SITE` a site, counted through the layers.
        places: one row of `PLACE` a tensor: A and B of each part of each site in turn.
        size: bytes of the numbers.
    """

    dtype: AdapterDtype
    sites: NDArray[Any]
    places: NDArray[Any]
    size: int

    @classmethod
    def of(cls, sites: Iterable[Sequence[Shape]], dtype: AdapterDtype) -> Self:
        """Site by site; an adapter that leaves a site alone has no shapes there."""
        table: list[Any] = []
        places: list[tuple[int, ...]] = []
        size = 0
        for shapes in sites:
            ranks = _padded(sum(shape.rank for shape in shapes))
            a, first, parts = size, 0, []
            if shapes:
                size += packed_bytes(ranks, shapes[0].inputs, dtype)
            for shape in shapes:
                parts.append((size, shape.rank, first, shape.column, shape.outputs))
                places.append((a, first, shape.rank, shape.inputs, ranks))
                places.append((size, 0, shape.outputs, shape.rank, _padded(shape.outputs)))
                size += packed_bytes(shape.outputs, shape.rank, dtype)
                first += shape.rank
            parts += [(0, 0, 0, 0, 0)] * (MOST_PARTS - len(parts))
            table.append((a, ranks, len(shapes), parts))
        return cls(dtype, np.array(table, SITE), np.array(places, PLACE), size)

    @property
    def bytes(self) -> int:
        """Memory the adapter takes."""
        return self.size + self.sites.nbytes


@dataclass(frozen=True, eq=False)
class PackedAdapter:
    """All sites of an adapter.

    Attributes:
        layout: what lies where.
        data: the bytes, uint8.
    """

    layout: AdapterLayout
    data: Tensor

    @property
    def dtype(self) -> AdapterDtype:
        """How its numbers are stored."""
        return self.layout.dtype

    @property
    def sites(self) -> NDArray[Any]:
        """One row of `SITE` a site."""
        return self.layout.sites

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.layout.bytes

    def parts(self, site: int, columns: int) -> Iterator[Part]:
        """What the packed numbers of a site of so many inputs stand for, fp32."""
        row = self.sites[site]
        if not row["parts"]:
            return
        a = _unpacked(self.data, int(row["a"]), int(row["ranks"]), columns, self.dtype)
        for part in row["part"][: row["parts"]]:
            rank, first = int(part["rank"]), int(part["first"])
            b = _unpacked(self.data, int(part["b"]), int(part["columns"]), rank, self.dtype)
            yield Part(int(part["column"]), a[first : first + rank], b)


def pack_adapter(sites: Sequence[Sequence[Part]], dtype: AdapterDtype) -> PackedAdapter:
    """Pack what is in memory, site by site."""
    layout = AdapterLayout.of([[part.shape for part in parts] for parts in sites], dtype)
    tensors = [tensor for parts in sites for part in parts for tensor in (part.a, part.b)]
    return pack_tensors(layout, (tensor.float().numpy() for tensor in tensors))


def pack_tensors(layout: AdapterLayout, tensors: Iterable[NDArray[np.float32]]) -> PackedAdapter:
    """Put each tensor into its place; they come in the order of `AdapterLayout.places`."""
    data = np.zeros(layout.size, np.uint8)
    for place, tensor in zip(layout.places, tensors, strict=True):
        _put(data, place, tensor, layout.dtype)
    return PackedAdapter(layout, torch.from_numpy(data))


def packed_bytes(rows: int, columns: int, dtype: AdapterDtype) -> int:
    """Bytes of a matrix once packed."""
    padded = _padded(rows)
    return padded * columns * BITS[dtype] // 8 + _scales(padded, dtype)


def _padded(rows: int) -> int:
    return -(-rows // UNIT) * UNIT


def _scales(padded: int, dtype: AdapterDtype) -> int:
    return 4 * padded if dtype == "int8" else 0


def _views(
    data: NDArray[np.uint8], at: int, padded: int, columns: int, dtype: AdapterDtype
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Scales, or none, and units of a packed matrix."""
    head, size = _scales(padded, dtype), packed_bytes(padded, columns, dtype)
    units = data[at + head : at + size].view(NUMPY[dtype]).reshape(-1, columns, UNIT)
    return data[at : at + head].view(np.float32), units


def _put(data: NDArray[np.uint8], place: Any, rows: NDArray[Any], dtype: AdapterDtype) -> None:
    at, first, count, columns, padded = (int(place[name]) for name in PLACE.names or ())
    scales, units = _views(data, at, padded, columns, dtype)
    index = first + np.arange(count)
    if dtype == "int8":
        scale = np.abs(rows).max(1) / np.float32(127)
        inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
        scales[index], rows = scale, np.rint(rows * inverse[:, None])
    units[index // UNIT, :, index % UNIT] = rows


def _unpacked(data: Tensor, at: int, rows: int, columns: int, dtype: AdapterDtype) -> Tensor:
    padded = _padded(rows)
    scales, units = _views(data.numpy(), at, padded, columns, dtype)
    matrix = units.transpose(0, 2, 1).reshape(padded, columns).astype(np.float32)
    if dtype == "int8":
        matrix *= scales[:, None]
    return torch.from_numpy(matrix)[:rows]
