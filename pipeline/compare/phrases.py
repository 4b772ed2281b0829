"""What cautions call things."""

from collections.abc import Sequence

from pipeline.compare.rows import shown
from pipeline.compare.run import Condition
from pipeline.compare.settings import short


def in_words(arm: str, condition: Condition) -> str:
    """An arm under a condition: `merged, alpha 1, batch 4`."""
    return ", ".join([arm, *(f"{short(key)} {shown(value)}" for key, value in condition)])


def abridged(names: Sequence[str], separator: str) -> str:
    """The first three, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return separator.join(names[:3]) + more
