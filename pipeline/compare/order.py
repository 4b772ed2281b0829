"""The order in which a sweep's jobs run.

A machine gets faster and slower while a sweep lasts. Repeat follows repeat, and within one the jobs
that are asked the same stand together, as a block: what is divided later was measured close in
time. The order within a block is drawn anew for each, so that no engine has the better place twice.
"""

from collections.abc import Hashable, Sequence
from random import Random

Block = tuple[int, Hashable]
"""A repeat, and what is asked in it."""


def running_order(blocks: Sequence[Block], seed: int | None) -> list[int]:
    """Numbers of the jobs in the order in which they run.

    Args:
        blocks: each job's.
        seed: of the draws, so that a sweep that goes on keeps its order; None keeps the order
            given within each repeat.
    """
    order = []
    for repeat in sorted({repeat for repeat, _ in blocks}):
        asked: dict[Hashable, list[int]] = {}
        for number, (its, what) in enumerate(blocks):
            if its == repeat:
                asked.setdefault(None if seed is None else what, []).append(number)
        for place, numbers in enumerate(asked.values()):
            if seed is not None:
                Random(f"{seed}/{repeat}/{place}").shuffle(numbers)
            order += numbers
    return order
