"""Prompts from conversations in the format of ShareGPT: what the person said first."""

import json
import re
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.prompts.pool import KEY, PromptFile
from pipeline.workload.prompts.source import Prompt
from pipeline.workload.text_file import read_text, whole_text

_BLANK = re.compile(r"[ \t\n\r]*")

PEOPLE = ("human", "user")
"""Who the format says is speaking, where it is a person."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ShareGpt(PromptFile):
    """Settings of `workload/prompts=sharegpt`.

    Attributes:
        name: what the user typed.
        path: a JSON list of objects, whose `conversations` is a list of `from` and `value`.
    """

    name: str
    path: Path

    def parse(self) -> list[Prompt]:
        """Of those conversations that a person begins."""
        text = read_text(KEY, self.path)
        try:
            rows = json_list(text)
        except JSONDecodeError as error:
            where = f"{KEY}: {self.path}:{error.lineno}"
            raise UsageError(f"{where}: isn't JSON ({error.msg})") from error
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{KEY}={self.path}: isn't JSON ({error})") from error
        if rows is None:
            raise UsageError(f"{KEY}: {self.path}:1: must be a list of conversations")
        openings = [
            self._opening(f"{KEY}: {self.path}:{line}: conversation {number}", row)
            for number, (line, row) in enumerate(rows)
        ]
        prompts = [each for each in openings if each]
        if not prompts:
            raise UsageError(f"{KEY}={self.path}: holds no conversation that a person begins")
        return prompts

    def _opening(self, where: str, row: Any) -> Prompt | None:
        turns = row.get("conversations") if isinstance(row, dict) else None
        if not isinstance(turns, list) or not all(map(_is_turn, turns)):
            raise UsageError(
                f"{where}: `conversations` must be a list of objects with the texts `from` and "
                "`value`"
            )
        if not turns or turns[0]["from"] not in PEOPLE or not turns[0]["value"]:
            return None
        return Prompt(whole_text(where, turns[0]["value"]), where)


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and all(
        isinstance(turn.get(part), str) for part in ("from", "value")
    )


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
