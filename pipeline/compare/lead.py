"""The one sentence a person can quote."""

from pipeline.compare.columns import DASH, TIMES
from pipeline.compare.comparison import Comparison
from pipeline.compare.headline import SPACE, finding
from pipeline.compare.ratios import Ratio

WHAT = "output tokens per second"


def lead(comparison: Comparison) -> str:
    """The best arm beside the baseline, with its interval; "faster" only if that excludes 1."""
    ratios = {arm: found for arm in comparison.arms[1:] if (found := comparison.overall(arm))}
    if not ratios:
        return finding(comparison)
    arm, best = max(ratios.items(), key=lambda item: item[1].mean)
    low, high = best.interval or (best.mean, best.mean)
    times = f"{best.mean:.2f}{SPACE}{TIMES}"
    if low > 1:
        return f"{arm} made {times} the {WHAT} of {comparison.baseline} ({certainty(best)})."
    if high < 1:
        return (
            f"Nothing made more {WHAT} than {comparison.baseline}; the nearest, {arm}, "
            f"made {times} as many ({certainty(best)})."
        )
    return (
        f"{arm}, the nearest to {comparison.baseline} or above it, can't be told from it: "
        f"{times} its {WHAT} ({certainty(best)})."
    )


def certainty(ratio: Ratio) -> str:
    """How sure a ratio is: its interval, and the pairs of runs it rests on."""
    if ratio.interval is None:
        return "one pair of runs, so no interval"
    low, high = ratio.interval
    percent = f"95{SPACE}%"
    return f"{percent} interval {low:.2f}{DASH}{high:.2f}, {ratio.pairs}{SPACE}pairs of runs"
