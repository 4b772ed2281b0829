"""What may lie in a file's place, and what may happen to any file."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

DEEP = 200_000
HUGE = 1 << 30
"""Bytes of a file with nothing but a hole in it."""


def break_file(path: Path, rng: Random) -> str:
    """Break a file or what stands in its place; what was done."""
    kind = rng.choice([*BREAKS])
    BREAKS[kind](path, rng)
    return f"{path.name}: {kind}"


def _cut(path: Path, rng: Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.choice((0, 1, 7, 8, 9, len(data) - 1, rng.randrange(len(data)))) :])


def _grown(path: Path, rng: Random) -> None:
    path.write_bytes(path.read_bytes() + rng.choice((b"\0", b"}", b"\n\n", bytes(100), b"{}")))


def _flipped(path: Path, rng: Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 3, 20))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _replaced(make: Callable[[Path], object]) -> Callable[[Path, Random], None]:
    def replace(path: Path, rng: Random) -> None:
        path.unlink()
        make(path)

    return replace


def _written(data: bytes) -> Callable[[Path, Random], None]:
    return lambda path, rng: path.write_bytes(data) and None


def _huge(path: Path, rng: Random) -> None:
    os.truncate(path, HUGE)


BREAKS: dict[str, Callable[[Path, Random], None]] = {
    "cut": _cut,
    "grown": _grown,
    "bits flipped": _flipped,
    "gone": _replaced(lambda path: None),
    "a pipe": _replaced(os.mkfifo),
    "/dev/zero": _replaced(lambda path: path.symlink_to("/dev/zero")),
    "a folder": _replaced(Path.mkdir),
    "a link to itself": _replaced(lambda path: path.symlink_to(path.name)),
    "a link to nothing": _replaced(lambda path: path.symlink_to("nothing")),
    "huge": _huge,
    "empty": _written(b""),
    "null": _written(b"null"),
    "a list": _written(b"[]"),
    "an empty object": _written(b"{}"),
    "deep lists": _written(b"[" * DEEP + b"]" * DEEP),
    "deep objects": _written(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep lists in an object": _written(b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "not UTF-8": _written(b'{"a": "\xff\xfe"}'),
    "byte order mark": lambda path, rng: (
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes()) and None
    ),
    "UTF-16": lambda path, rng: path.write_bytes(b"\xff\xfe" + path.read_bytes()[:4000]) and None,
    "zeros": _written(bytes(4096)),
    "a long number": _written(b'{"r": ' + b"9" * 100_000 + b"}"),
    "a pickle": _written(b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00."),
}
