"""Whether an arm does better in one repeat than in another, in all of its traces.

Each repeat starts every engine anew, and where its memory lies, or what shares a cache with it, may
stay for all it measures. No order of the runs removes that, which is why intervals take the repeat
as their unit, whether it shows or not: a test that could tell with three repeats would have to find
an effect of the size of the noise, and it mostly doesn't.
"""

from math import fsum

from pipeline.compare.intervals import residuals, strata, totals
from pipeline.compare.ratios import Ratio


def p_value(ratio: Ratio) -> float | None:
    """Of the F test of arm × repeat against arm × repeat × trace; None where it can't be made.

    Sums of squares are over logarithms of ratios, less the means of their conditions.
    """
    from scipy.special import fdtrc

    logs, conditions, repeats = ratio.logarithms
    found = strata(conditions, repeats)
    between = sum(len(each.repeats) - 1 for each in found)
    within = len(logs) - sum(len(each.conditions) for each in found) - between
    if not between or within < 1:
        return None
    rest = residuals(logs, conditions)
    sizes = totals([1.0] * len(logs), repeats)
    effect = fsum(t**2 / size for t, size in zip(totals(rest, repeats), sizes, strict=True))
    noise = fsum(each**2 for each in rest) - effect
    if noise <= 0:
        return 0.0 if effect else None
    return float(fdtrc(between, within, effect / between / (noise / within)))
