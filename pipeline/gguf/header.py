"""The header of a GGUF file, read within bounds: every count in it is held against its size.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from pipeline.files.regular import MEBIBYTE, open_regular
from pipeline.gguf.cursor import Cursor

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT = "general.alignment"
MAX_DIMENSIONS = 4


@dataclass(frozen=True)
class GgufTensor:
    """One tensor of a file.

    Attributes:
        shape: its dimensions, rows first.
        type: how its numbers are stored, by ggml's name in small letters.
        nbytes: its size in the file.
        start: its first byte there.
    """

    shape: tuple[int, ...]
    type: str
    nbytes: int
    start: int


def read_header(
    path: Path, arrays: Container[str] = ()
) -> tuple[dict[str, Any], dict[str, GgufTensor]]:
    """Metadata by key, and the tensors by name.

    Args:
        path: the file.
        arrays: keys of arrays whose elements are wanted; of others there is only the length.

    Raises:
        OSError: it is no regular file, or can't be read.
        ValueError: it isn't GGUF, or its header isn't one; the message says what of it.
    """
    with open_regular(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("not a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _read(Cursor(data, len(MAGIC)), len(data), arrays)
            except struct.error as error:
                raise ValueError("it ends within its header") from error


def _read(
    cursor: Cursor, size: int, arrays: Container[str]
) -> tuple[dict[str, Any], dict[str, GgufTensor]]:
    version, count, pairs = cursor.numbers("IQQ")
    if version not in VERSIONS:
        raise ValueError(f"version {version}, not {' or '.join(map(str, VERSIONS))}")
    metadata: dict[str, Any] = {}
    for _ in range(cursor.bounded(pairs, 13)):
        key = cursor.text()
        metadata[key] = cursor.value(key in arrays)
    found = list(_tensors(cursor, cursor.bounded(count, 32)))
    alignment = metadata.get(ALIGNMENT, 32)
    if type(alignment) is not int or alignment < 1 or alignment > MEBIBYTE:
        raise ValueError(f"{ALIGNMENT} is {alignment!r:.80}")
    start = -(-cursor.at // alignment) * alignment
    tensors = {name: replace(each, start=start + each.start) for name, each in found}
    if len(metadata) < pairs or len(tensors) < count:
        raise ValueError(f"two {'values' if len(metadata) < pairs else 'tensors'} of one name")
    for name, each in found:
        if each.start % alignment or start + each.start + each.nbytes > size:
            raise ValueError(f"tensor {name!r:.80} lies beyond its end")
    return metadata, tensors


def _tensors(cursor: Cursor, count: int) -> Iterator[tuple[str, GgufTensor]]:
    """Names and tensors, which start by the data's first byte here, not by the file's."""
    import gguf

    types = {int(each): each for each in gguf.GGML_QUANT_SIZES}
    for _ in range(count):
        name = cursor.text()
        (dimensions,) = cursor.numbers("I")
        if not 0 < dimensions <= MAX_DIMENSIONS:
            raise ValueError(f"tensor {name!r:.80} has {dimensions} dimensions")
        shape = tuple(reversed(cursor.numbers(f"{dimensions}Q")))
        kind, offset = cursor.numbers("IQ")
        if kind not in types:
            raise ValueError(f"tensor {name!r:.80} is of type {kind}, which isn't known")
        block, size = gguf.GGML_QUANT_SIZES[types[kind]]
        if not prod(shape) or shape[-1] % block:
            raise ValueError(f"tensor {name!r:.80} has the impossible shape {list(shape)}")
        nbytes = prod(shape) // block * size
        yield name, GgufTensor(shape, types[kind].name.lower(), nbytes, offset)
