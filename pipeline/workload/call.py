"""A call of a service, as a production trace has it: when, how much in, how much out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a call.

    Attributes:
        at_ns: nanoseconds since the first call.
        prompt_tokens: length of the prompt.
        output_tokens: length of the answer.
        where: its place in the file, for messages.
        adapter: name of the adapter it asked for, if the file says so.
        blocks: ids of the blocks that its prompt begins with: the same ids, the same tokens.
    """

    at_ns: int
    prompt_tokens: int
    output_tokens: int
    where: str
    adapter: str | None = None
    blocks: tuple[int, ...] = ()


def from_the_first(calls: Sequence[Call], count: int | None, source: str) -> list[Call]:
    """Calls whose stamps count from anywhere, with stamps that count from the first of them.

    Args:
        calls: of a file.
        count: how many were asked for; None for all.
        source: the file, for messages.

    Raises:
        UsageError: there are none, or fewer, or they aren't sorted.
    """
    if not calls:
        raise UsageError(f"{source}: holds no calls")
    if count is not None and count > len(calls):
        raise UsageError(f"workload.requests={count}: {source} has {len(calls)}")
    for before, after in pairwise(calls):
        if after.at_ns < before.at_ns:
            raise UsageError(f"{after.where}: comes before the line above; sort them")
    return [replace(each, at_ns=each.at_ns - calls[0].at_ns) for each in calls]
