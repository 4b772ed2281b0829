"""How far the intervals of a comparison reach, beside how far they were to reach."""

from collections.abc import Iterator
from math import inf

from pipeline.compare.comparison import Comparison
from pipeline.compare.ratios import Ratio
from pipeline.metrics.until import Until, percent


def reach(ratio: Ratio) -> float:
    """How far an interval reaches above its ratio, as a share of it; infinite of one repeat."""
    return ratio.interval[1] / ratio.mean - 1 if ratio.interval else inf


def intervals(comparison: Comparison) -> list[Ratio]:
    """Every ratio that has to be known: of each arm overall, and under each condition."""
    verdicts = (*comparison.verdicts.values(), *comparison.cell_verdicts.values())
    return [each.ratio for each in verdicts]


def unmet(comparison: Comparison) -> Iterator[str]:
    """Whether a sweep ended with intervals wider than it was to have."""
    rules = {rule for run in comparison.runs if (rule := Until.of(run.settings))}
    widest = max(map(reach, intervals(comparison)), default=0.0)
    for rule in rules:
        if rule.half_width is not None and widest > rule.half_width:
            yield (
                f"intervals reach up to \u00b1{percent(widest)}, where until.half_width="
                f"{rule.half_width:g} was asked for: a higher until.max_repeats, in the same "
                "hydra.sweep.dir, adds repeats"
            )
