"""The noise floor: what one engine entered twice differs from itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from pipeline.compare.circumstances import differences
from pipeline.compare.ratios import Pair, Ratio, pairs, ratio
from pipeline.compare.run import Run
from pipeline.compare.settings import alike


@dataclass(frozen=True)
class Twins:
    """Two arms that are one: the A/A comparison.

    Attributes:
        arm: the one.
        twin: the other.
        ratio: the twin against it.
    """

    arm: str
    twin: str
    ratio: Ratio

    @property
    def floor(self) -> float | None:
        """The largest difference the interval allows, as a share; None of one repeat."""
        if self.ratio.interval is None:
            return None
        low, high = self.ratio.interval
        return max(high - 1, 1 - low)


def twins(runs: Sequence[Run], metric: str) -> Iterator[Twins]:
    """Every A/A comparison among the runs: same settings, same sweep, like circumstances."""
    arms: dict[str, list[Run]] = {}
    for run in runs:
        arms.setdefault(run.arm, []).append(run)
    for (arm, ours), (twin, theirs) in combinations(arms.items(), 2):
        both = pairs(theirs, ours)
        if both and all(map(_same, both)) and (found := ratio(theirs, ours, metric)):
            yield Twins(arm, twin, found)


def _same(pair: Pair) -> bool:
    run, other = pair
    return (
        run.sweep == other.sweep
        and not differences(run, other)
        and alike(run.settings, other.settings)
    )
