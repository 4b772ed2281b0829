"""The result in a sentence or two."""

from collections import Counter

from pipeline.compare.columns import DASH, TIMES, significant
from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.ratios import Ratio

SPACE = "\u00a0"
"""Keeps a number and what follows it on one line."""


def headline(comparison: Comparison) -> str:
    """What was found, and from how many of the runs."""
    return f"{finding(comparison)} {tally(comparison)}"


def finding(comparison: Comparison) -> str:
    """Each arm's ratio to the baseline, or what was measured where nothing can be paired."""
    if comparison.baseline is None:
        return "There is nothing to compare: no run finished and is valid."
    ratios = {arm: found for arm in comparison.arms[1:] if (found := comparison.overall(arm))}
    if not ratios:
        return _alone(comparison)
    best_first = sorted(ratios.items(), key=lambda item: -item[1].mean)
    listed = [f"{arm} {each.mean:.2f}{SPACE}{TIMES} ({_pairs(each)})" for arm, each in best_first]
    return f"Output tokens per second, against {comparison.baseline}: {', '.join(listed)}."


def _pairs(ratio: Ratio) -> str:
    pairs = f"{ratio.pairs}{SPACE}pair{'s' if ratio.pairs != 1 else ''}"
    if ratio.interval is None:
        return pairs
    low, high = ratio.interval
    return f"{low:.2f}{DASH}{high:.2f}, {pairs}"


def _alone(comparison: Comparison) -> str:
    means = [(cell.arm, cell.mean(HEADLINE_METRIC)) for cell in comparison.cells]
    found = []
    for arm in comparison.arms:
        values = [value for name, value in means if name == arm and value is not None]
        if values:
            ends = dict.fromkeys(significant(end) for end in (min(values), max(values)))
            found.append(f"{arm} made {DASH.join(ends)} output tokens/s")
    return ("; ".join(found) or "No run measured its throughput") + "."


def tally(comparison: Comparison) -> str:
    """How many of the runs count, and what became of the others."""
    counting = sum(run.counts for run in comparison.runs)
    verdicts = Counter(run.verdict.lower().replace("_", " ") for run in comparison.left_out)
    rest = "".join(f"; {count} {verdict}" for verdict, count in verdicts.items())
    return f"{counting} of {len(comparison.runs)} runs are compared{rest}."
