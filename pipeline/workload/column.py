"""Numbers in a file: one a line, or the columns of a CSV file with a header."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.errors import UsageError
from pipeline.workload.text_file import read_text

_T = TypeVar("_T")


@dataclass(frozen=True)
class Cell:
    """A value of a file, and where it stands.

    Attributes:
        where: setting, file and line, for messages.
        text: what stands there, without blanks around it.
    """

    where: str
    text: str

    def whole(self) -> int:
        """As a whole number above 0.

        Raises:
            UsageError: it isn't one.
        """
        if not re.fullmatch("0*[1-9][0-9]{0,11}", self.text):
            raise UsageError(f"{self.where}: {self.text!r} isn't a whole number above 0")
        return int(self.text)

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
            raise UsageError(f"{self.where}: {self.text!r} isn't a number of seconds")
        if value < 0:
            raise UsageError(f"{self.where}: {self.text} is negative; stamps count from the start")
        return value


def read_column(key: str, path: Path, column: str | None) -> list[Cell]:
    """The lines of a plain list, or one column of a CSV file.

    Args:
        key: the setting that named the file, for messages.
        path: the file.
        column: name in the CSV file's header; None for a list, whose empty lines don't count.

    Raises:
        UsageError: the file can't be read, lacks the column, or holds nothing.
    """
    if column is not None:
        return [cell for (cell,) in read_columns(key, path, [column])]
    lines = enumerate(read_text(key, path).split("\n"), 1)
    cells = [Cell(f"{key}: {path}:{n}", line.strip()) for n, line in lines if line.strip()]
    return _some(key, path, cells)


def read_columns(key: str, path: Path, columns: Sequence[str]) -> list[tuple[Cell, ...]]:
    """Those columns of a CSV file with a header, a row a tuple.

    Raises:
        UsageError: the file can't be read, lacks a column or a value, or holds nothing.
    """
    rows = _rows(key, path)
    _, header = next(rows, ("", []))
    missing = [column for column in columns if column not in header]
    if missing:
        raise UsageError(
            f"{key}: {path}:1: has no column {missing[0]!r}; it has {', '.join(header) or 'none'}"
        )
    places = [header.index(column) for column in columns]
    table = []
    for where, row in rows:
        if len(row) != len(header):
            raise UsageError(f"{where}: has {len(row)} values for {len(header)} columns")
        table.append(tuple(Cell(where, row[place]) for place in places))
    return _some(key, path, table)


def _rows(key: str, path: Path) -> Iterator[tuple[str, list[str]]]:
    """The lines that aren't empty, as values, with their places."""
    reader = csv.reader(read_text(key, path).split("\n"), strict=True)
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


def _some(key: str, path: Path, found: list[_T]) -> list[_T]:
    if not found:
        raise UsageError(f"{key}={path}: holds no values")
    return found
