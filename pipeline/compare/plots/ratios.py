"""Every arm against the baseline: the result at a glance."""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.compare.numbers import DASH, TIMES, times, words
from pipeline.compare.plots.axes import CUT, decades, whisker
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.style import INK, Mark, listed, tip
from pipeline.compare.ratios import Ratio
from pipeline.compare.verdict import gain

ROW = 0.3

MOST = 16
"""Arms that have a row: the table has all."""


def plots(scene: Scene) -> Iterator[Plot]:
    """One panel, where some arm can be paired with the baseline."""
    comparison = scene.comparison
    ratios = {arm: each.ratio for arm, each in comparison.verdicts.items()}
    ranked = sorted(ratios, key=lambda arm: -gain(ratios[arm], comparison.metric))
    best = {arm: ratios[arm] for arm in ranked[:MOST]}
    if best:
        name = words(comparison.metric)
        said = "; ".join(f"{arm}: {figures(ratio)}" for arm, ratio in best.items())
        yield Plot(
            f"{name.capitalize() if ' ' in name else name}, times {comparison.baseline}",
            "Geometric mean of the paired ratios, with its 95\u00a0% interval where there are two "
            f"repeats or more. What crosses the line at 1 can't be told from the baseline. {CUT}"
            + _left_out(len(ratios)),
            (comparison.metric,),
            (Panel("", forest(best, scene.marks), said),),
        )


def _left_out(count: int) -> str:
    return f" The best {MOST} of {count}; the table has all." if count > MOST else ""


def figures(ratio: Ratio) -> str:
    """A ratio with its interval: `2.10 × (1.95–2.26)`."""
    if ratio.interval is None:
        return f"{times(ratio.mean)} {TIMES}"
    return f"{times(ratio.mean)} {TIMES} ({DASH.join(map(times, ratio.interval))})"


def forest(ratios: Mapping[str, Ratio], marks: Mapping[str, Mark]) -> Figure:
    """A row an arm, in the given order: its ratio, the interval and a line at 1."""
    figure, axes = listed(list(ratios), ROW, 0.55)
    _logarithmic(axes, list(ratios.values()))
    for row, (arm, ratio) in enumerate(ratios.items()):
        mark = marks[arm]
        if ratio.interval:
            whisker(axes, ratio.interval, row, mark.colour, upright=False, width=2.4)
        (dot,) = axes.plot(ratio.mean, row, mark.marker, color=mark.colour, markersize=6.5)
        tip(dot, f"{arm}: {figures(ratio)}")
        axes.annotate(
            f"{times(ratio.mean)} {TIMES}",
            (1, row),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
        )
    axes.axvline(1, color=INK, linewidth=0.8, zorder=0)
    return figure


def _logarithmic(axes: Axes, ratios: Sequence[Ratio]) -> None:
    """An axis a little beyond all means and 1, and as far beyond as intervals need, up to half."""
    means = [1.0, *(ratio.mean for ratio in ratios)]
    ends = [end for ratio in ratios for end in ratio.interval or ()]
    room = max(sqrt(max(means) / min(means)), 2.0)
    low = max(min([*means, *ends]), min(means) / room) / 1.15
    high = min(max([*means, *ends]), max(means) * room) * 1.15
    decades(axes, low, high)
