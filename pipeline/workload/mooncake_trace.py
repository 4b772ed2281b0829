"""The format of Mooncake's traces: a call a line, with ids of the blocks its prompt is made of."""

from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard

from pipeline.errors import UsageError, shown
from pipeline.workload.call import Call, from_the_first
from pipeline.workload.prompts.json_rows import json_lines
from pipeline.workload.ranges import TOKENS
from pipeline.workload.text_file import read_text

LONGEST_MS = 1e15
NANOSECONDS_A_MS = 10**6


def read_calls(key: str, path: Path, count: int | None) -> list[Call]:
    """The first `count` calls of the file, or all of them.

    Raises:
        UsageError: the file isn't in the format, isn't sorted, or has fewer; with its line.
    """
    lines = islice(json_lines(key, path, read_text(key, path)), count)
    calls = [_call(row, f"{key}: {path}:{number}") for number, row in lines]
    return from_the_first(calls, count, f"{key}={path}")


def _call(row: Any, where: str) -> Call:
    fields = row if isinstance(row, dict) else {}
    stamp, ids = fields.get("timestamp"), fields.get("hash_ids") or []
    if not _is_number(stamp) or not 0 <= stamp < LONGEST_MS:
        raise UsageError(f"{where}: timestamp must be a number of milliseconds, 0 or more")
    if not isinstance(ids, list) or not all(type(each) is int and each >= 0 for each in ids):
        raise UsageError(f"{where}: hash_ids must be a list of whole numbers, 0 or more")
    prompt, output = (_whole(fields, each, where) for each in ("input_length", "output_length"))
    return Call(round(stamp * NANOSECONDS_A_MS), prompt, output, where, None, tuple(ids))


def _whole(fields: dict[str, Any], name: str, where: str) -> int:
    value = fields.get(name)
    if not _is_number(value) or not 1 <= value <= TOKENS or value != int(value):
        said = "isn't there" if value is None else f"is {shown(value)}"
        raise UsageError(f"{where}: {name} {said}; it must be a whole number from 1 to {TOKENS}")
    return int(value)


def _is_number(value: Any) -> TypeGuard[int | float]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (isinstance(value, int) or isfinite(value))
