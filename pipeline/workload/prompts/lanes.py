"""Conversations side by side: each lane plays one after another, turn by turn."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from pipeline.errors import UsageError
from pipeline.workload.popularity.law import Assignment, Popularity
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


def of_first_turns(
    choices: Sequence[Assignment], prompts: Sequence[Prompt], law: Popularity, adapters: int
) -> list[Assignment]:
    """Who gets which adapter: a conversation stays with the one drawn for its first turn.

    Args:
        choices: one a prompt, as the law dealt them.
        prompts: those of the requests, in order.
        law: which dealt them.
        adapters: how many there are.

    Raises:
        UsageError: the law fixes who gets which.
    """
    kept = list(choices)
    fixed = law.probabilities(adapters) is None
    for number, prompt in enumerate(prompts):
        if prompt.follows is None:
            continue
        if fixed:
            raise UsageError(
                f"{prompt.where}: is played turn by turn with one adapter, and "
                f"workload/popularity={law.name} fixes who gets which; take a law of independent "
                "draws such as zipf, or workload.prompts.turns=last"
            )
        kept[number] = kept[prompt.follows]
    return kept


def later_turns(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """A note on what is replayed of conversations, where some are played turn by turn."""
    count = sum(each.follows is not None for each in prompts)
    said = (
        f"{count} of the {len(prompts)} requests are later turns of a conversation: they come when "
        "the turn before is answered, and hold the file's answers, not this run's"
    )
    return (said,) * (count > 0)
