"""Conversations side by side: each lane plays one after another, turn by turn."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from pipeline.workload.prompts.source import Prompt


def conversations(prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    """Prompts of a file by the conversation they are of, which is where they stand."""
    return [list(turns) for _, turns in groupby(prompts, key=lambda each: each.where)]


def in_lanes(played: Iterable[Sequence[Prompt]], lanes: int, count: int) -> list[Prompt]:
    """So many turns of conversations.

    Args:
        played: the conversations, in order, without end.
        lanes: how many are played at a time; each in turn has its next turn.
        count: how many turns there shall be; conversations may be cut off by it.
    """
    following, dealt = iter(played), list[Prompt]()
    turns: list[list[Prompt]] = [[] for _ in range(lanes)]
    for number in range(count):
        left = turns[number % lanes]
        follows = number - lanes if left else None
        if not left:
            left.extend(next(following))
        dealt.append(replace(left.pop(0), follows=follows))
    return dealt
