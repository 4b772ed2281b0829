"""What the plots of a comparison are drawn of: as many of its arms as can be told apart."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.plots.plot import Key
from pipeline.compare.plots.style import Mark, marks
from pipeline.compare.run import Condition

ARMS = 10
"""Arms that are drawn; more than that are not told apart by their colours and marks."""


@dataclass(frozen=True)
class Scene:
    """What there is to draw.

    Attributes:
        comparison: all of it.
        arms: those that are drawn, in their usual order.
    """

    comparison: Comparison
    arms: tuple[str, ...]

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        """The baseline, the arms under most conditions and, of those under as many, the fastest."""
        cells = comparison.cells
        speeds = {
            arm: [cell.mean(HEADLINE_METRIC) or 0.0 for cell in cells if cell.arm == arm]
            for arm in comparison.arms
        }
        first = sorted(
            speeds, key=lambda a: (a != comparison.baseline, -len(speeds[a]), -max(speeds[a]))
        )
        return cls(comparison, tuple(arm for arm in speeds if arm in first[:ARMS]))

    @property
    def note(self) -> str:
        """What isn't drawn, and why; empty where all is."""
        if len(self.arms) == len(self.comparison.arms):
            return ""
        return (
            f"Drawn below are {len(self.arms)} of {len(self.comparison.arms)} engines and variants "
            "of them: the baseline, then those that ran under most conditions, then the fastest. "
            "The table has all."
        )

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of the arms that are drawn."""
        return tuple(cell for cell in self.comparison.cells if cell.arm in self.arms)

    @cached_property
    def marks(self) -> dict[str, Mark]:
        """How each arm is drawn, those that aren't in every plot last."""
        others = [arm for arm in self.comparison.arms if arm not in self.arms]
        return marks([*self.arms, *others])

    def titles(self, conditions: Iterable[Condition]) -> list[str]:
        """Each condition in words, as far as it differs from the usual."""
        return [self.comparison.usual.words(each) for each in conditions]

    def legend(self, arms: Iterable[str]) -> tuple[Key, ...]:
        """Those arms, in their usual order."""
        drawn = set(arms)
        return tuple(Key(a, m.colour, m.glyph) for a, m in self.marks.items() if a in drawn)
