"""Where each number of an adapter lies, in plain PyTorch.

As in the fp32 matrices a vector runs over outputs: A is (units of 16 ranks, in, 16), the ranks of
all projections of a site one after another; B is (units of 16 rows, rank, 16), one a projection.
int8 numbers have an fp32 scale for each row, before the units.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.engines.multilora.kernels.layout import UNIT
from pipeline.engines.multilora.kernels.precision import AdapterDtype

BITS: dict[AdapterDtype, int] = {"fp32": 32, "fp16": 16, "int8": 8}
TORCH = {"fp32": torch.float32, "fp16": torch.float16, "int8": torch.int8}
NUMPY = {"fp32": np.float32, "fp16": np.float16, "int8": np.int8}
MOST_PARTS = 3
PART = np.dtype([("b", "i8"), *((name, "i4") for name in ("rank", "first", "column", "columns"))])
SITE = np.dtype([("a", "i8"), ("ranks", "i4"), ("parts", "i4"), ("part", PART, (MOST_PARTS,))])
"""A row of the table of sites: offsets into the data, as kernels.h reads them."""


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


@dataclass(frozen=True, eq=False)
class PackedAdapter:
    """All sites of an adapter.

    Attributes:
        dtype: how its numbers are stored.
        data: the bytes, uint8.
        sites: one row of `SITE` a site, counted through the layers.
    """

    dtype: AdapterDtype
    data: Tensor
    sites: NDArray[Any]

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.data.nbytes + self.sites.nbytes

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


def pack_adapter(sites: Iterable[list[Part]], dtype: AdapterDtype) -> PackedAdapter:
    """Pack site by site; an adapter that leaves a site alone has no parts there."""
    pieces: list[Tensor] = []
    rows: list[Any] = []
    size = 0

    def add(matrix: Tensor) -> int:
        nonlocal size
        at = size
        pieces.append(_packed(matrix, dtype))
        size += pieces[-1].nbytes
        return at

    for parts in sites:
        row = np.zeros((), SITE)
        if parts:
            a = torch.cat([part.a.float() for part in parts])
            row["a"], row["parts"] = add(a), len(parts)
            row["ranks"] = -(-len(a) // UNIT) * UNIT
        first = 0
        for number, part in enumerate(parts):
            rank = len(part.a)
            row["part"][number] = (add(part.b.float()), rank, first, part.column, len(part.b))
            first += rank
        rows.append(row)
    data = torch.cat(pieces) if pieces else torch.empty(0, dtype=torch.uint8)
    return PackedAdapter(dtype, data, np.array(rows))


def packed_bytes(rows: int, columns: int, dtype: AdapterDtype) -> int:
    """Bytes of a matrix once packed."""
    padded = -(-rows // UNIT) * UNIT
    return padded * columns * BITS[dtype] // 8 + (4 * padded if dtype == "int8" else 0)


def _packed(matrix: Tensor, dtype: AdapterDtype) -> Tensor:
    """In NumPy, which keeps to the calling thread: adapters are loaded beside running steps."""
    numbers = matrix.numpy()
    numbers = np.pad(numbers, ((0, -len(numbers) % UNIT), (0, 0)))
    head = np.empty(0, np.uint8)
    if dtype == "int8":
        scales = np.abs(numbers).max(1) / np.float32(127)
        inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales > 0)
        numbers, head = np.rint(numbers * inverse[:, None]), scales.view(np.uint8)
    stored = numbers.astype(NUMPY[dtype]).reshape(-1, UNIT, numbers.shape[1])
    units = np.ascontiguousarray(stored.transpose(0, 2, 1)).reshape(-1).view(np.uint8)
    return torch.from_numpy(np.concatenate([head, units]))


def _unpacked(data: Tensor, at: int, rows: int, columns: int, dtype: AdapterDtype) -> Tensor:
    size, padded = packed_bytes(rows, columns, dtype), -(-rows // UNIT) * UNIT
    head = 4 * padded if dtype == "int8" else 0
    numbers = data[at + head : at + size].clone().view(TORCH[dtype]).float()
    matrix = numbers.view(-1, columns, UNIT).transpose(1, 2).reshape(padded, columns)
    if dtype == "int8":
        matrix = matrix * data[at : at + head].clone().view(torch.float32)[:, None]
    return matrix[:rows]
