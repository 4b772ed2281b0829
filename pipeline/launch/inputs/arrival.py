"""Contents on their way from one machine to another, in pieces."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.errors import Unreadable, UsageError
from pipeline.files.regular import MEBIBYTE
from pipeline.launch.inputs.store import InputStore

PIECE = 16 * MEBIBYTE
"""Bytes of a piece: a node's memory for objects may be small."""


def pieces(path: Path) -> Iterator[bytes]:
    """The content of a file.

    Raises:
        UsageError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}, though it was there before") from error


def receive(sha256: str, arriving: Iterable[bytes], store: InputStore) -> None:
    """Take in the pieces of a content; of one that is cut off nothing is left.

    Raises:
        UsageError: they make another content, or there is no room for it.
    """
    try:
        with store.arriving(sha256) as file:
            for piece in arriving:
                file.write(piece)
    except Unreadable as error:
        raise UsageError(f"changed while it was sent, or on the way: {error}") from error
