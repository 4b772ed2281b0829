"""A loaded adapter; its numbers put into their places and read from them, in plain NumPy."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.kernels.embedding_update import EmbeddingUpdate
from pipeline.kernels.formats import UNIT, NumberFormat, highest_level
from pipeline.kernels.lora_layout import (
    PLACE,
    AdapterLayout,
    affine_bytes,
    packed_bytes,
    padded_rows,
    scale_bytes,
)


@dataclass(frozen=True, eq=False)
class LoraPart:
    """What an adapter adds to one projection of a site.

    Attributes:
        column: first output column of the projection in the site.
        a: (rank, in).
        b: (out, rank), the scaling folded in.
        affine: factor and summand of each row of the projection's output, (2, out); None for none.
    """

    column: int
    a: Tensor
    b: Tensor
    affine: Tensor | None = None


@dataclass(frozen=True, eq=False)
class PackedAdapter:
    """All sites of an adapter.

    Attributes:
        layout: what lies where.
        data: the bytes, uint8.
        embedding: what it adds to the input embedding; None if it leaves that alone.
    """

    layout: AdapterLayout
    data: Tensor
    embedding: EmbeddingUpdate | None = None

    @property
    def format(self) -> NumberFormat:
        """How its numbers are stored."""
        return self.layout.format

    @property
    def sites(self) -> NDArray[Any]:
        """One row of `SITE` a site."""
        return self.layout.sites

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.layout.bytes + (self.embedding.bytes if self.embedding else 0)

    @cached_property
    def table(self) -> tuple[int, int, int, int]:
        """Where its data and its sites are, the bytes of the one and the number of the others."""
        sites = self.sites
        return self.data.data_ptr(), sites.ctypes.data, self.data.numel(), len(sites)

    def parts(self, site: int, columns: int, expert: int = 0) -> Iterator[LoraPart]:
        """What the packed numbers of a site of so many inputs stand for, fp32."""
        row = self.sites[site]
        if not row["parts"]:
            return
        more = expert * int(row["stride"])
        a = _unpacked(self.data, int(row["a"]) + more, int(row["ranks"]), columns, self.format)
        for part in row["part"][: row["parts"]]:
            rank, first = int(part["rank"]), int(part["first"])
            rows, at = int(part["columns"]), int(part["affine"])
            b = _unpacked(self.data, int(part["b"]) + more, rows, rank, self.format)
            affine = self._affine(at + more, rows) if at else None
            yield LoraPart(int(part["column"]), a[first : first + rank], b, affine)

    def put(self, place: Any, rows: NDArray[np.float32], first: int = 0) -> None:
        """Some rows of a tensor, from one of its rows on, into the tensor's place."""
        _put(self.data.numpy(), place, rows, self.format, first)

    def put_experts(self, site: int, a: NDArray[np.float32], b: NDArray[np.float32]) -> None:
        """A and B of each expert, one after another, at a site that has some for each."""
        row, data = self.sites[site], self.data.numpy()
        for start, each in ((row["a"], a), (row["part"][0]["b"], b)):
            for number, rows in enumerate(each):
                at = int(start) + number * int(row["stride"])
                place = np.array((at, 0, *rows.shape, padded_rows(len(rows))), PLACE)
                _put(data, place, rows, self.format)

    def transform(self, rows: Iterable[NDArray[np.float32]]) -> "PackedAdapter":
        """The adapter itself, with these factors and summands, (2, out) each, in their places."""
        for (at, count), values in zip(self.layout.affine, rows, strict=True):
            self._affine(at, count)[:] = torch.from_numpy(values)
        return self

    def _affine(self, at: int, count: int) -> Tensor:
        """Factors and summands that lie there, (2, count)."""
        whole = self.data[at : at + 2 * affine_bytes(count)].view(torch.float32)
        return whole.view(2, -1)[:, :count]


def pack_tensors(
    layout: AdapterLayout,
    tensors: Iterable[NDArray[np.float32]],
    places: NDArray[Any] | None = None,
) -> PackedAdapter:
    """Put each tensor into its place: one of these in turn, or of all that the layout has."""
    data = np.zeros(layout.size, np.uint8)
    for place, tensor in zip(layout.places if places is None else places, tensors, strict=True):
        _put(data, place, tensor, layout.format)
    return PackedAdapter(layout, torch.from_numpy(data))


def _views(
    data: NDArray[np.uint8], at: int, padded: int, columns: int, format: NumberFormat
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Scales, or none, and units of a packed matrix."""
    head, size = scale_bytes(padded, format), packed_bytes(padded, columns, format)
    units = data[at + head : at + size].view(format.numpy).reshape(padded // UNIT, columns, UNIT)
    return data[at : at + head].view(np.float32), units


def _put(
    data: NDArray[np.uint8], place: Any, rows: NDArray[Any], format: NumberFormat, first: int = 0
) -> None:
    at, begin, _, columns, padded = (int(place[name]) for name in PLACE.names or ())
    scales, units = _views(data, at, padded, columns, format)
    index = begin + first + np.arange(len(rows))
    if format.scale_bits:
        scale = np.abs(rows).max(1) / np.float32(highest_level(format.bits))
        inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
        scales[index], rows = scale, np.rint(rows * inverse[:, None])
    units[index // UNIT, :, index % UNIT] = rows


def _unpacked(data: Tensor, at: int, rows: int, columns: int, format: NumberFormat) -> Tensor:
    padded = padded_rows(rows)
    scales, units = _views(data.numpy(), at, padded, columns, format)
    matrix = units.transpose(0, 2, 1).reshape(padded, columns).astype(np.float32)
    if format.scale_bits:
        matrix *= scales[:, None]
    return torch.from_numpy(matrix)[:rows]
