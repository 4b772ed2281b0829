"""Tables of calls in CSV, as Azure's LLM inference traces are: when, how much in, how much out."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.call import Call, from_the_first
from pipeline.workload.column import FileValue, read_columns
from pipeline.workload.text_file import shown

_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)? ?(Z|UTC|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANO = 10**9


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Columns:
    """Settings of `workload.columns`: what the columns of the file are called.

    Attributes:
        time: of the stamps: dates with a time of day, or seconds.
        prompt: of the prompts' lengths in tokens.
        answer: of the answers'.
        adapter: of the adapters' names; None where the file has none.
    """

    time: str = "TIMESTAMP"
    prompt: str = "ContextTokens"
    answer: str = "GeneratedTokens"
    adapter: str | None = None


AZURE = Columns()


def read_calls(key: str, path: Path, count: int | None, columns: Columns = AZURE) -> list[Call]:
    """The first `count` calls of the file, or all of them.

    Raises:
        UsageError: the file isn't in the format, isn't sorted, or has fewer; with its line.
    """
    named = [columns.time, columns.prompt, columns.answer]
    rows = read_columns(key, path, [*named, *([columns.adapter] if columns.adapter else [])], count)
    calls = [_call(*row) for row in rows]
    return from_the_first(calls, count, f"{key}={path}")


def _call(
    at: FileValue, prompt: FileValue, output: FileValue, adapter: FileValue | None = None
) -> Call:
    name = adapter.text if adapter else ""
    return Call(_nanoseconds(at), prompt.whole(), output.whole(), at.where, adapter=name or None)


def _nanoseconds(cell: FileValue) -> int:
    """Since 1970; whole numbers, because a float of that size has no room for microseconds."""
    seconds = cell.number()
    if seconds is not None:
        return int(seconds * _NANO)
    found = _STAMP.fullmatch(cell.text)
    try:
        day, time, fraction, zone = found.groups() if found else ("", "", "", "")
        utc = zone in (None, "Z", "UTC")
        moment = datetime.fromisoformat(f"{day} {time or '00:00'}{'+00:00' if utc else zone}")
    except ValueError:
        raise UsageError(
            f"{cell.where}: {shown(cell.text)} isn't a stamp like 2023-11-16 18:17:03.9799600"
        ) from None
    return (moment - _EPOCH) // timedelta(seconds=1) * _NANO + int((fraction or "").ljust(9, "0"))
