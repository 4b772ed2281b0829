"""A text file that a setting names: read whole, or refused in one line."""

from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import TypeVar

from pipeline.errors import UsageError
from pipeline.files.regular import read_regular
from pipeline.workload.ranges import ROWS

T = TypeVar("T")

MOST = 1 << 30
"""Bytes of a file that is read whole; the largest published set of conversations has two thirds."""

SHOWN = 60
"""Characters of what stands in a file that a message repeats."""


def read_text(key: str, path: Path) -> str:
    """Its text, UTF-8, a byte order mark left out.

    Args:
        key: the setting that named it, for messages.
        path: the file.

    Raises:
        UsageError: it isn't there, isn't a regular file, is huge, or isn't UTF-8; the last with its
            line.
    """
    try:
        data = read_regular(path, MOST)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{key}={path}: can't be read ({why}); name a file") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{key}: {path}:{line}: isn't UTF-8; convert the file") from error


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """Its lines with their numbers, from 1; none is in memory but the one at hand."""
    return enumerate(StringIO(text, newline="\n"), 1)


def few(source: str, rows: Iterable[T]) -> Iterator[T]:
    """The rows, as they come.

    Raises:
        UsageError: they are more than anything could be made of.
    """
    for number, row in enumerate(rows):
        if number == ROWS:
            raise UsageError(f"{source}: has more than {ROWS} rows; cut the file")
        yield row


def shown(text: str) -> str:
    """What stands in a file, as a message repeats it: in quotes, and not for ever."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


def whole_text(where: str, text: str) -> str:
    """The text, if it is one: JSON and YAML can spell half a character, which no UTF-8 holds.

    Raises:
        UsageError: half of a pair of surrogates stands alone in it, as in an emoji cut in two.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        raise UsageError(
            f"{where}: holds half a character ({half} alone, as of an emoji cut in two); mend the "
            "text"
        ) from error
    return text
