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

from pipeline.kernels.abi import ABI
from pipeline.kernels.formats import UNIT, AdapterFormat, highest_level

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
        rank: rows of A, columns of B.
        inputs: columns of A.
        outputs: rows of B.
    """

    column: int
    rank: int
    inputs: int
    outputs: int


@dataclass(frozen=True, eq=False)
class LoraPart:
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
    def shape(self) -> LoraShape:
        """Its dimensions."""
        rank, inputs = self.a.shape
        return LoraShape(self.column, rank, inputs, len(self.b))


@dataclass(frozen=True, eq=False)
class AdapterLayout:
    """Where the numbers of one adapter go; follows from the shapes of its tensors alone.

    Attributes:
        format: how its numbers are stored.
        sites: one row of `SITE` a site, counted through the layers.
        places: one row of `PLACE` a tensor: A and B of each part of each site in turn.
        size: bytes of the numbers.
    """

    format: AdapterFormat
    sites: NDArray[Any]
    places: NDArray[Any]
    size: int

    @classmethod
    def of(cls, sites: Iterable[Sequence[LoraShape]], format: AdapterFormat) -> Self:
        """Site by site; an adapter that leaves a site alone has no shapes there."""
        table: list[Any] = []
        places: list[tuple[int, ...]] = []
        size = 0
        for shapes in sites:
            ranks = _padded(sum(shape.rank for shape in shapes))
            a, first, parts = size, 0, []
            if shapes:
                size += packed_bytes(ranks, shapes[0].inputs, format)
            for shape in shapes:
                parts.append((size, shape.rank, first, shape.column, shape.outputs))
                places.append((a, first, shape.rank, shape.inputs, ranks))
                places.append((size, 0, shape.outputs, shape.rank, _padded(shape.outputs)))
                size += packed_bytes(shape.outputs, shape.rank, format)
                first += shape.rank
            parts += [(0, 0, 0, 0, 0)] * (MAX_PARTS - len(parts))
            table.append((a, ranks, len(shapes), parts))
        return cls(format, np.array(table, SITE), np.array(places, PLACE), size)

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
    def format(self) -> AdapterFormat:
        """How its numbers are stored."""
        return self.layout.format

    @property
    def sites(self) -> NDArray[Any]:
        """One row of `SITE` a site."""
        return self.layout.sites

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.layout.bytes

    def parts(self, site: int, columns: int) -> Iterator[LoraPart]:
        """What the packed numbers of a site of so many inputs stand for, fp32."""
        row = self.sites[site]
        if not row["parts"]:
            return
        a = _unpacked(self.data, int(row["a"]), int(row["ranks"]), columns, self.format)
        for part in row["part"][: row["parts"]]:
            rank, first = int(part["rank"]), int(part["first"])
            b = _unpacked(self.data, int(part["b"]), int(part["columns"]), rank, self.format)
            yield LoraPart(int(part["column"]), a[first : first + rank], b)


def pack_adapter(sites: Sequence[Sequence[LoraPart]], format: AdapterFormat) -> PackedAdapter:
    """Pack what is in memory, site by site."""
    layout = AdapterLayout.of([[part.shape for part in parts] for parts in sites], format)
    tensors = [tensor for parts in sites for part in parts for tensor in (part.a, part.b)]
    return pack_tensors(layout, (tensor.float().numpy() for tensor in tensors))


def pack_tensors(layout: AdapterLayout, tensors: Iterable[NDArray[np.float32]]) -> PackedAdapter:
    """Put each tensor into its place; they come in the order of `AdapterLayout.places`."""
    data = np.zeros(layout.size, np.uint8)
    for place, tensor in zip(layout.places, tensors, strict=True):
        _put(data, place, tensor, layout.format)
    return PackedAdapter(layout, torch.from_numpy(data))


def packed_bytes(rows: int, columns: int, format: AdapterFormat) -> int:
    """Bytes of a matrix once packed."""
    padded = _padded(rows)
    return padded * columns * format.bits // 8 + _scale_bytes(padded, format)


def _padded(rows: int) -> int:
    return -(-rows // UNIT) * UNIT


def _scale_bytes(padded: int, format: AdapterFormat) -> int:
    return padded * format.scale_bits // 8


def _views(
    data: NDArray[np.uint8], at: int, padded: int, columns: int, format: AdapterFormat
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Scales, or none, and units of a packed matrix."""
    head, size = _scale_bytes(padded, format), packed_bytes(padded, columns, format)
    units = data[at + head : at + size].view(format.numpy).reshape(-1, columns, UNIT)
    return data[at : at + head].view(np.float32), units


def _put(data: NDArray[np.uint8], place: Any, rows: NDArray[Any], format: AdapterFormat) -> None:
    at, first, count, columns, padded = (int(place[name]) for name in PLACE.names or ())
    scales, units = _views(data, at, padded, columns, format)
    index = first + np.arange(count)
    if format.scale_bits:
        scale = np.abs(rows).max(1) / np.float32(highest_level(format.bits))
        inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
        scales[index], rows = scale, np.rint(rows * inverse[:, None])
    units[index // UNIT, :, index % UNIT] = rows


def _unpacked(data: Tensor, at: int, rows: int, columns: int, format: AdapterFormat) -> Tensor:
    padded = _padded(rows)
    scales, units = _views(data.numpy(), at, padded, columns, format)
    matrix = units.transpose(0, 2, 1).reshape(padded, columns).astype(np.float32)
    if format.scale_bits:
        matrix *= scales[:, None]
    return torch.from_numpy(matrix)[:rows]
