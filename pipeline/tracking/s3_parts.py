"""How a large file is cut for S3, and the MD5 sums by which the store knows it and its parts."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

PART = 16 * 2**20
"""Bytes of a part, at least; smaller files are sent whole. S3 wants 5 MiB of all but the last."""

MOST = 10_000
"""Parts that S3 allows."""


def part_size(size: int) -> int:
    """Bytes of a part of a file of `size` bytes: the same whenever it is sent."""
    times = -(-size // (PART * MOST))
    return PART * max(times, 1)


def chunks(path: Path, part: int) -> Iterator[bytes]:
    """The file's content in parts."""
    with path.open("rb") as file:
        while chunk := file.read(part):
            yield chunk


def sum_of(content: bytes) -> str:
    """The ETag of what was sent in one piece."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def in_base64(found: str) -> str:
    """The sum as it is sent along, so that the store refuses what was damaged on its way."""
    return base64.b64encode(bytes.fromhex(found)).decode()


def sum_of_parts(path: Path, part: int) -> str:
    """The ETag of a file that was sent in parts: the sum of their sums, and how many."""
    sums = [bytes.fromhex(sum_of(chunk)) for chunk in chunks(path, part)]
    return f"{sum_of(b''.join(sums))}-{len(sums)}"
