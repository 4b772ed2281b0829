"""What may be said of a ratio, and of many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TypeVar

from pipeline.compare.ratios import Ratio
from pipeline.metrics.definitions import definition

SIGNIFICANT = 0.05

TENFOLD = 9.0
"""The difference of a tenfold value, as a share."""

NO_DIFFERENCE = "no difference found"
ONE_REPEAT = "one repeat: no interval"

Key = TypeVar("Key")


@dataclass(frozen=True)
class Verdict:
    """A ratio judged as one of its family.

    Attributes:
        ratio: what is judged.
        p_adjusted: its p-value, corrected for the size of the family; None of one repeat.
        word: "faster", "slower", "higher", "lower", "no difference found" or "one repeat: no
            interval".
        within: where no difference was found, the share by which the arms may differ all the
            same; a larger one would have shown.
    """

    ratio: Ratio
    p_adjusted: float | None
    word: str
    within: float | None = None

    @property
    def differs(self) -> bool:
        """Whether a difference was found."""
        return self.word not in (NO_DIFFERENCE, ONE_REPEAT)

    @property
    def wording(self) -> str:
        """The word, and after "no difference found" which one would have been."""
        return (
            self.word if self.within is None else f"{self.word} ({would_have_shown(self.within)})"
        )


def judged(family: Mapping[Key, Ratio], metric: str) -> dict[Key, Verdict]:
    """A verdict on each ratio of a family of comparisons.

    A difference is found when the interval excludes 1 and Holm's p-value is below 0.05. Where none
    is, the interval at the level of Holm's next step says how large one may still be.
    """
    testable = {key: p for key, ratio in family.items() if (p := ratio.p_value) is not None}
    adjusted = dict(zip(testable, holm(list(testable.values())), strict=True))
    words = {key: _word(ratio, adjusted.get(key), metric) for key, ratio in family.items()}
    left = sum(words[key] == NO_DIFFERENCE for key in testable)
    return {
        key: Verdict(
            ratio,
            adjusted.get(key),
            words[key],
            _within(ratio, SIGNIFICANT / left) if words[key] == NO_DIFFERENCE else None,
        )
        for key, ratio in family.items()
    }


def gain(ratio: Ratio, metric: str) -> float:
    """How good a ratio is: the higher, the better."""
    known = definition(metric)
    lower = known is not None and known.better == "lower"
    return 1 / ratio.mean if lower else ratio.mean


def would_have_shown(within: float) -> str:
    """What a comparison that found nothing would have found: `5 % or more would have shown`."""
    if within >= TENFOLD:
        return "not even a tenfold one would have shown"
    return f"{share(within)} or more would have shown"


def share(within: float) -> str:
    """A share as text: `5 %`, and from one on as a factor."""
    if within >= TENFOLD:
        return "any factor"
    return f"{_up(1 + within)}\u00a0×" if within >= 1 else f"{_up(100 * within)}\u00a0%"


def _up(value: float) -> str:
    """Two digits, rounded up, so that nothing more is claimed than is known."""
    step = 10.0 ** (floor(log10(value)) - 1) if value else 1.0
    return f"{ceil(round(value / step, 6)) * step:.3g}"


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979), in given order."""
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    ascending = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, index in enumerate(ascending):
        highest = max(highest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, highest)
    return adjusted


def _within(ratio: Ratio, level: float) -> float | None:
    ends = ratio.interval_of(1 - level)
    return ends and max(ends[1] - 1, 1 - ends[0])


def _word(ratio: Ratio, p_adjusted: float | None, metric: str) -> str:
    if p_adjusted is None:
        return ONE_REPEAT
    if not ratio.excludes_one or p_adjusted >= SIGNIFICANT:
        return NO_DIFFERENCE
    known = definition(metric)
    higher = ratio.mean > 1
    if known is None or not known.better or not (known.unit == "s" or known.unit.endswith("/s")):
        return "higher" if higher else "lower"
    return "faster" if higher == (known.better == "higher") else "slower"
