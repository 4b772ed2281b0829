"""What may be said of a ratio, and of many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.compare.ratios import Ratio

SIGNIFICANT = 0.05
NO_DIFFERENCE = "no difference found"
ONE_PAIR = "one pair: no interval"

Key = TypeVar("Key")


@dataclass(frozen=True)
class Verdict:
    """A ratio judged as one of its family.

    Attributes:
        ratio: what is judged.
        p_adjusted: its p-value, corrected for the size of the family; None of a single pair.
        word: "faster", "slower", "higher", "lower", "no difference found" or "one pair: no
            interval".
    """

    ratio: Ratio
    p_adjusted: float | None
    word: str

    @property
    def differs(self) -> bool:
        """Whether a difference was found."""
        return self.word not in (NO_DIFFERENCE, ONE_PAIR)


def judged(family: Mapping[Key, Ratio], metric: str) -> dict[Key, Verdict]:
    """A verdict on each ratio of a family of comparisons.

    A difference is found when the interval excludes 1 and Holm's p-value is below 0.05.
    """
    testable = {key: p for key, ratio in family.items() if (p := ratio.p_value) is not None}
    adjusted = dict(zip(testable, holm(list(testable.values())), strict=True))
    return {
        key: Verdict(ratio, adjusted.get(key), _word(ratio, adjusted.get(key), metric))
        for key, ratio in family.items()
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979), in given order."""
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    ascending = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, index in enumerate(ascending):
        highest = max(highest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, highest)
    return adjusted


def _word(ratio: Ratio, p_adjusted: float | None, metric: str) -> str:
    from pipeline.metrics.definitions import definition

    if p_adjusted is None:
        return ONE_PAIR
    if not ratio.excludes_one or p_adjusted >= SIGNIFICANT:
        return NO_DIFFERENCE
    known = definition(metric)
    higher = ratio.mean > 1
    if known is None or not known.better or not (known.unit == "s" or known.unit.endswith("/s")):
        return "higher" if higher else "lower"
    return "faster" if higher == (known.better == "higher") else "slower"
