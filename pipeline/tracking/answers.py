"""What the adapters say: of each the first prompt and its answer, short enough for a table."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.files.documents import reading
from pipeline.metrics.timeline import RequestRecord
from pipeline.tracking.run_directory import RunDirectory

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_MARKS = re.compile(r"(<[^<>\s]{1,40}>\s*)+$")
"""Special tokens at the end of a line, as chat templates have them."""


@dataclass(frozen=True)
class ShownAnswer:
    """One answer as it is shown.

    Attributes:
        adapter: who answers; None for the base model.
        prompt: the beginning of the question, without what a chat template puts around it; empty
            where the trace no longer has it.
        text: the beginning of the answer.
    """

    adapter: str | None
    prompt: str
    text: str


def answers(run: RunDirectory, adapters: int, length: int) -> tuple[ShownAnswer, ...]:
    """The first answer of each of a run's first `adapters` adapters, in at most `length` letters.

    Empty when nothing was served, or as ids alone (`workload.text=false`).

    Raises:
        Unreadable: the rows or the trace are damaged.
    """
    first = first_answered(run.requests(), adapters)
    prompts = _questions(run, _prompts(run, {each.id for each in first}))
    return tuple(
        ShownAnswer(
            each.adapter,
            shown(prompts.get(each.id, ""), length),
            shown(each.text or "", length),
        )
        for each in first
    )


def first_answered(rows: Iterable[RequestRecord], adapters: int) -> tuple[RequestRecord, ...]:
    """The first request of each adapter, in the trace's order, that was answered in text."""
    first: dict[str | None, RequestRecord] = {}
    for row in sorted(rows, key=lambda each: each.id):
        if row.text is not None and not row.error:
            first.setdefault(row.adapter, row)
    return tuple(first.values())[:adapters]


def shown(text: str, length: int) -> str:
    r"""`text` on one line of at most `length` characters, an ellipsis for what was cut off.

    What can't be printed is escaped as Python writes it, `\n` and `\x1b`: an answer must neither
    break a table nor steer a terminal.
    """
    pieces: list[str] = []
    room = length
    for letter in text:
        piece = letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        if len(piece) > room:
            return _shortened(pieces, length)
        pieces.append(piece)
        room -= len(piece)
    return "".join(pieces)


def _shortened(pieces: list[str], length: int) -> str:
    """As many whole `pieces` as leave room for the ellipsis."""
    while sum(map(len, pieces)) > length - len(ELLIPSIS):
        pieces = pieces[:-1]
    return "".join(pieces) + ELLIPSIS


def _questions(run: RunDirectory, prompts: Mapping[int, str]) -> Mapping[int, str]:
    """Of conversations, the lines that aren't in all of them; other prompts as they are."""
    if "chat" not in run.json("trace.json").get("laws", {}):
        return prompts
    lines = {id_: prompt.split("\n") for id_, prompt in prompts.items()}
    head = _alike(list(lines.values()))
    tail = _alike([each[::-1] for each in lines.values()])
    own = {id_: "\n".join(each[head : len(each) - tail]) for id_, each in lines.items()}
    return {id_: _MARKS.sub("", own[id_]) or prompt for id_, prompt in prompts.items()}


def _alike(texts: Sequence[Sequence[str]]) -> int:
    """How many lines all of several texts begin with; 0 for a single one."""
    columns = enumerate(zip(*texts, strict=False))
    ends = (at for at, column in columns if len(set(column)) > 1)
    return next(ends, 0) if len(texts) > 1 else 0


def _prompts(run: RunDirectory, ids: Collection[int]) -> dict[int, str]:
    """The prompts of those requests: the trace is read only as far as the last of them."""
    found: dict[int, str] = {}
    if not ids or not run.trace.is_file():
        return found
    with reading(run.trace), run.trace.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["id"] in ids:
                found[row["id"]] = row["prompt"]
            if len(found) == len(ids):
                break
    return found
