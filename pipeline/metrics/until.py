"""When a sweep knows enough: repeats are added until every interval is narrow.

Whoever stops when an interval has become narrow stops a little too often where chance made it so,
the more the fewer repeats there are; so none is looked at before there are `FEWEST`. How often they
hold the truth all the same is counted by `python -m pipeline.compare.coverage
--half-width=0.03`. The rule is that of Chow and Robbins, "On the asymptotic theory of fixed-width
sequential confidence intervals for the mean", Annals of Mathematical Statistics 36 (1965).
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT

FEWEST = 5
"""Repeats at the first look."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Until:
    """How long repeats are added to a sweep.

    Attributes:
        half_width: how far an interval may reach above its ratio, as a share of it; None adds none.
        max_repeats: of the whole sweep, whatever the intervals.
    """

    half_width: Annotated[float, Field(gt=0, lt=1)] | None = None
    max_repeats: Annotated[int, Field(ge=2)] = 20

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self | None:
        """The rule that a run's settings hold; None where there is none."""
        width, most = (settings.get(f"until.{each}") for each in ("half_width", "max_repeats"))
        return None if width is None or most is None else cls(half_width=width, max_repeats=most)

    def idle(self) -> Mapping[str, str]:
        """The bound, where nothing is added."""
        why = "no repeats are added; until.half_width=0.03 would"
        return {} if self.half_width is not None else {"max_repeats": why}

    @property
    def fewest(self) -> int:
        """Repeats at the first look."""
        return min(FEWEST, self.max_repeats)

    def met(self, reaches: Iterable[float], repeats: int) -> bool:
        """Whether the intervals of so many repeats all reach no further than they may."""
        if self.half_width is None:
            return True
        return repeats >= self.fewest and all(each <= self.half_width for each in reaches)

    def __str__(self) -> str:
        assert self.half_width is not None
        return (
            f"repeats were added until every interval reached \u00b1{percent(self.half_width)}, "
            f"from {self.fewest} repeats on, {self.max_repeats} at the most"
        )


def percent(share: float) -> str:
    """A share as text, two digits of it."""
    return f"{100 * share:.2g}\u00a0%"
