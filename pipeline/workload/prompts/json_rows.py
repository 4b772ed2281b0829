"""Files of JSON: a value a line, or a list of values, each with the line on which it begins."""

import json
import re
from collections.abc import Iterable, Iterator
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.workload.text_file import few, numbered

_BLANK = re.compile(r"[ \t\n\r]*")


def json_lines(key: str, path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """The values in the text of a file, one a line, by the numbers of their lines.

    Raises:
        UsageError: a line isn't JSON, or there are more than anything could be made of.
    """
    filled = ((number, line) for number, line in numbered(text) if line.strip())
    for number, line in few(f"{key}={path}", filled):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{key}: {path}:{number}: isn't JSON ({error})") from error
        yield number, value


def json_rows(key: str, path: Path, text: str) -> Iterable[tuple[int, Any]]:
    """The values in the text of a file: one a line, or a list that holds them all.

    Raises:
        UsageError: it isn't JSON; with the line.
    """
    if not text.lstrip(" \t\r\n").startswith("["):
        return json_lines(key, path, text)
    try:
        return json_list(text) or []
    except JSONDecodeError as error:
        where = f"{key}: {path}:{error.lineno}"
        raise UsageError(f"{where}: isn't JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{key}={path}: isn't JSON ({error})") from error


def json_list(text: str) -> list[tuple[int, Any]] | None:
    """The items of a list, each with the line on which it begins; None where it is no list.

    Raises:
        JSONDecodeError: the text isn't JSON; with the line.
    """
    at = _beyond(text, 0)
    if text[at : at + 1] != "[":
        json.loads(text)
        return None
    items: list[tuple[int, Any]] = []
    decode, line, counted = JSONDecoder().raw_decode, 1, 0
    at = _beyond(text, at + 1)
    while text[at : at + 1] != "]" or items:
        line, counted = line + text.count("\n", counted, at), at
        item, at = decode(text, at)
        items.append((line, item))
        at = _beyond(text, at)
        if text[at : at + 1] != ",":
            break
        at = _beyond(text, at + 1)
    if text[at : at + 1] != "]":
        raise JSONDecodeError("Expecting ',' or ']'", text, at)
    if (end := _beyond(text, at + 1)) != len(text):
        raise JSONDecodeError("Extra data", text, end)
    return items


def _beyond(text: str, at: int) -> int:
    """The first place from there on that isn't blank."""
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at
