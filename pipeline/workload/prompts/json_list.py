"""A JSON list whose items know their lines."""

import json
import re
from json import JSONDecodeError, JSONDecoder
from typing import Any

_BLANK = re.compile(r"[ \t\n\r]*")


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
