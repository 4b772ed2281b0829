"""A file of packed weights, and its reader, which believes no byte that isn't as it was written.

It is a safetensors file. Beside the tensors it says what they were made of, and a checksum (CRC-32)
of each few megabytes, and seals all that with another one. It is read rather than mapped: into huge
pages, from which weights stream faster than from a file's small ones; by all threads, each of which
checks what it has just read. A file that is cut short meanwhile is an error, not a dead process.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import accumulate
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from pipeline.kernels.memory import room_for
from pipeline.models.safetensors_file import SafetensorsFile
from pipeline.models.safetensors_writer import Declared, write_header

DTYPES = {"U8": torch.uint8, "F32": torch.float32}
"""By safetensors' names, those of packed data, and of norms and biases."""
NAMES = {dtype: name for name, dtype in DTYPES.items()}
PIECE = 1 << 22
"""Bytes with a checksum of their own, read at a time by a thread."""
MADE_OF, CHECKSUMS, SEAL = "made_of", "crc32", "seal"


class DamagedFileError(Exception):
    """It isn't what was written; the message says in what."""


def write_packed(path: Path, tensors: Mapping[str, Tensor], made_of: str, threads: int) -> None:
    """Write tensors, each in one piece of memory.

    Args:
        path: of the file.
        tensors: by name.
        made_of: whatever decides them.
        threads: that make the checksums.

    Raises:
        OSError: there is no room, or no leave to write.
    """
    declared = {name: (NAMES[each.dtype], tuple(each.shape)) for name, each in tensors.items()}
    with ThreadPoolExecutor(threads) as pool:
        checksums = _joined(pool.map(zlib.crc32, _pieces(tensors)))
    with path.open("wb") as file:
        write_header(file, declared, _sealed(declared, made_of, checksums))
        for piece in _pieces(tensors):
            file.write(piece)


def read_packed(path: Path, made_of: str, threads: int) -> dict[str, Tensor]:
    """The tensors by name, in memory of their own, large ones in huge pages.

    Args:
        path: of the file.
        made_of: what they are to be made of.
        threads: that read.

    Raises:
        OSError: the file isn't there, or can't be read.
        DamagedFileError: it isn't what was written, or holds what was made of something else.
    """
    try:
        with SafetensorsFile(path) as file:
            return _read(file, made_of, threads)
    except (ValueError, EOFError) as error:
        raise DamagedFileError(str(error)) from error


def _read(file: SafetensorsFile, made_of: str, threads: int) -> dict[str, Tensor]:
    declared = {name: (each.dtype, each.shape) for name, each in file.tensors.items()}
    checksums = file.metadata.get(CHECKSUMS, "")
    if file.metadata != _sealed(declared, made_of, checksums):
        raise DamagedFileError("its header is of something else")
    tensors = {name: _room(*each) for name, each in declared.items()}
    pieces = [*_pieces(tensors)]
    first = min(each.start for each in file.tensors.values())
    starts = accumulate((len(each) for each in pieces[:-1]), initial=first)
    with ThreadPoolExecutor(threads) as pool:
        found = _joined(pool.map(partial(_filled, file), pieces, starts))
    if found != checksums:
        raise DamagedFileError("its bytes don't have their checksums")
    return tensors


def _room(dtype: str, shape: tuple[int, ...]) -> Tensor:
    kind = DTYPES[dtype]
    return room_for(prod(shape) * kind.itemsize).view(kind).view(shape)


def _pieces(tensors: Mapping[str, Tensor]) -> Iterator[memoryview]:
    """The bytes of all tensors in their order, none in memory of its own."""
    for tensor in tensors.values():
        whole = tensor.view(-1).view(torch.uint8).numpy().data
        yield from (whole[at : at + PIECE] for at in range(0, len(whole), PIECE))


def _filled(file: SafetensorsFile, piece: memoryview, start: int) -> int:
    file.read_into(piece, start)
    return zlib.crc32(piece)


def _joined(checksums: Iterator[int]) -> str:
    return " ".join(f"{each:08x}" for each in checksums)


def _sealed(declared: Declared, made_of: str, checksums: str) -> dict[str, str]:
    seal = zlib.crc32(json.dumps([declared, made_of, checksums]).encode())
    return {MADE_OF: made_of, CHECKSUMS: checksums, SEAL: f"{seal:08x}"}
