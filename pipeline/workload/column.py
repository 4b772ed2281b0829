"""Numbers in a file: one a line, or the columns of a CSV file with a header."""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TypeVar

from pipeline.errors import UsageError
from pipeline.workload.text_file import SHOWN, few, numbered, read_text, shown

_T = TypeVar("_T")
_NUMBER = re.compile(r"[+]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?")
_MOST = Decimal(10**12)


@dataclass(frozen=True, slots=True)
class FileValue:
    """A value of a file, and where it stands.

    Attributes:
        where: setting, file and line, for messages.
        text: what stands there, without blanks around it.
    """

    where: str
    text: str

    def number(self) -> Decimal | None:
        """As it is written, to the last digit; None where it's no number from 0 to below 10¹²."""
        value = Decimal(self.text) if _NUMBER.fullmatch(self.text) else _MOST
        return value if value < _MOST else None

    def whole(self) -> int:
        """As a whole number above 0, in any spelling that pandas has: `12`, `12.0`, `1.2e+01`.

        Raises:
            UsageError: it isn't one.
        """
        value = self.number()
        if value is None or value < 1 or value != int(value):
            raise UsageError(f"{self.where}: {shown(self.text)} isn't a whole number above 0")
        return int(value)

    def seconds(self) -> float:
        """As a number of seconds, 0 or more.

        Raises:
            UsageError: it isn't one.
        """
        try:
            value = float(self.text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UsageError(f"{self.where}: {shown(self.text)} isn't a number of seconds")
        if value < 0:
            text = self.text[:SHOWN]
            raise UsageError(f"{self.where}: {text} is negative; stamps count from the start")
        return value


def read_column(
    key: str, path: Path, column: str | None, count: int | None = None
) -> list[FileValue]:
    """The lines of a plain list, or one column of a CSV file.

    Args:
        key: the setting that named the file, for messages.
        path: the file.
        column: name in the CSV file's header; None for a list, whose empty lines don't count.
        count: read no more than so many; None reads all.

    Raises:
        UsageError: the file can't be read, lacks the column, or holds nothing.
    """
    if column is not None:
        return [cell for (cell,) in read_columns(key, path, [column], count)]
    lines = numbered(read_text(key, path))
    cells = (FileValue(f"{key}: {path}:{n}", line.strip()) for n, line in lines if line.strip())
    return _some(key, path, cells, count)


def read_columns(
    key: str, path: Path, columns: Sequence[str], count: int | None = None
) -> list[tuple[FileValue, ...]]:
    """Those columns of a CSV file with a header, a row a tuple; of the first `count` rows, or all.

    Raises:
        UsageError: the file can't be read, lacks a column or a value, or holds nothing.
    """
    rows = _rows(key, path)
    _, header = next(rows, ("", []))
    missing = [column for column in columns if column not in header]
    if missing:
        raise UsageError(
            f"{key}: {path}:1: has no column {missing[0]!r}; it has "
            f"{', '.join(header)[:SHOWN] or 'none'}"
        )
    places = [header.index(column) for column in columns]
    table = (_row(where, row, len(header), places) for where, row in rows)
    return _some(key, path, table, count)


def _row(where: str, row: list[str], wide: int, places: Sequence[int]) -> tuple[FileValue, ...]:
    if len(row) != wide:
        raise UsageError(f"{where}: has {len(row)} values for {wide} columns")
    return tuple(FileValue(where, row[place]) for place in places)


def _rows(key: str, path: Path) -> Iterator[tuple[str, list[str]]]:
    """The lines that aren't empty, as values, with their places."""
    reader = csv.reader((line for _, line in numbered(read_text(key, path))), strict=True)
    while True:
        where = f"{key}: {path}:{reader.line_num + 1}"
        try:
            row = [value.strip() for value in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise UsageError(f"{where}: isn't CSV ({error})") from error
        if any(row):
            yield where, row


def _some(key: str, path: Path, rows: Iterable[_T], count: int | None) -> list[_T]:
    found = list(few(f"{key}={path}", islice(rows, count)))
    if not found:
        raise UsageError(f"{key}={path}: holds no values")
    return found
