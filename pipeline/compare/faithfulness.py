"""How faithful what was so fast was: a speed means nothing for tokens that are wrong."""

from pipeline.compare.columns import FAITHFUL, NOT_CHECKED, significant
from pipeline.compare.comparison import Comparison
from pipeline.compare.labels import abridged

SPACE = "\u00a0"
"""Keeps a number and what follows it on one line."""

NAMED = 6
"""Arms of one share, and shares, that are named; the table has all."""


def faithfulness(comparison: Comparison) -> str:
    """Each arm's lowest share of tokens equal to the reference's, under any condition.

    Those that were served; teacher-forced where served ones could not be judged. Empty where there
    is no arm.
    """
    said: dict[str, list[str]] = {}
    for arm in comparison.arms:
        said.setdefault(_share(comparison, arm), []).append(arm)
    if not said:
        return ""
    listed = [f"{abridged(arms, ', ', NAMED)} {share}" for share, arms in said.items()]
    return f"Tokens equal to the reference's: {abridged(listed, '; ', NAMED)}."


def checked(comparison: Comparison, arm: str) -> bool:
    """Whether the arm's tokens were held against the reference's, all of them."""
    return _share(comparison, arm) != NOT_CHECKED


def _share(comparison: Comparison, arm: str) -> str:
    cells = [cell for cell in comparison.cells if cell.arm == arm]
    for metric in FAITHFUL.metrics:
        values = [cell.mean(metric) for cell in cells]
        found = [value for value in values if value is not None]
        if found and len(found) == len(values):
            return f"{significant(100 * min(found))}{SPACE}%"
    return NOT_CHECKED
