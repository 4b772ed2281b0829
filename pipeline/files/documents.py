"""Files that are written whole or not at all, and read so that a damaged one is named."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import Unreadable, in_a_line
from pipeline.files.atomic import whole_file

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading raises where the content isn't what its writer meant."""


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader sees all of it or the file as it was before."""
    with whole_file(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document; NaN and infinity are refused rather than written."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def append_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Append one JSON line a row, in a single write, on disk when this returns."""
    lines = "".join(json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n" for row in rows)
    with path.open("a", encoding="utf-8") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def read_json(path: Path) -> Any:
    """The document in `path`.

    Raises:
        Unreadable: it isn't JSON.
    """
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8"))


def read_jsonl(path: Path) -> list[Any]:
    """One value a line; a last line without its newline was never finished and is left out.

    Raises:
        Unreadable: a line isn't JSON.
    """
    with reading(path):
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [_parsed(path, number, line) for number, line in enumerate(lines, start=1)]


@contextmanager
def reading(path: Path, part: str = "") -> Iterator[None]:
    """Whatever is wrong with `path` or its content is raised inside as `Unreadable`.

    Args:
        path: the file that is read.
        part: where in it, such as a line.
    """
    try:
        yield
    except (OSError, *MALFORMED) as error:
        raise Unreadable(f"{path}: can't be read{part}: {in_a_line(error)[:200]}") from error


def _parsed(path: Path, number: int, line: str) -> Any:
    with reading(path, f" in line {number}"):
        return json.loads(line)
