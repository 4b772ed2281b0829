"""The format of Azure's LLM inference traces: a CSV file of when, how much in, how much out."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.workload.column import FileValue, read_columns
from pipeline.workload.text_file import shown

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?", re.A)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the service.

    Attributes:
        at_ns: nanoseconds since the first call.
        prompt_tokens: length of the prompt.
        output_tokens: length of the answer.
        where: its place in the file, for messages.
    """

    at_ns: int
    prompt_tokens: int
    output_tokens: int
    where: str


def read_calls(key: str, path: Path, count: int | None) -> list[Call]:
    """The first `count` calls of the file, or all of them.

    Raises:
        UsageError: the file isn't in the format, isn't sorted, or has fewer; with its line.
    """
    rows = read_columns(key, path, COLUMNS, count)
    if count is not None and count > len(rows):
        raise UsageError(f"workload.requests={count}: {path} has {len(rows)}")
    stamps = [_nanoseconds(stamp) for stamp, _, _ in rows]
    for (cell, *_), (before, after) in zip(rows[1:], pairwise(stamps), strict=True):
        if after < before:
            raise UsageError(f"{cell.where}: {cell.text} comes before the line above; sort them")
    return [
        Call(stamp - stamps[0], prompt.whole(), output.whole(), at.where)
        for stamp, (at, prompt, output) in zip(stamps, rows, strict=True)
    ]


def _nanoseconds(cell: FileValue) -> int:
    """Since 1970; whole numbers, because a float of that size has no room for microseconds."""
    found = _STAMP.fullmatch(cell.text)
    try:
        day, time, fraction = found.groups() if found else ("", "", "")
        moment = datetime.fromisoformat(f"{day} {time}+00:00")
    except ValueError:
        raise UsageError(
            f"{cell.where}: {shown(cell.text)} isn't a stamp like 2023-11-16 18:17:03.9799600"
        ) from None
    return (moment - _EPOCH) // timedelta(seconds=1) * 10**9 + int((fraction or "").ljust(9, "0"))
