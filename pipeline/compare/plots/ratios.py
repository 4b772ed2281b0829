"""Every arm against the baseline: the result at a glance."""

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.compare.columns import DASH, TIMES
from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.scale import ticks
from pipeline.compare.plots.style import INK, Mark, panel, rows_only, tip
from pipeline.compare.ratios import Ratio

ROW = 0.3


def plots(comparison: Comparison, marks: Mapping[str, Mark]) -> Iterator[Plot]:
    """One panel, where some arm can be paired with the baseline."""
    found = {arm: comparison.overall(arm) for arm in comparison.arms[1:]}
    ratios = {arm: ratio for arm, ratio in found.items() if ratio}
    if ratios:
        said = "; ".join(f"{arm}: {words(ratio)}" for arm, ratio in ratios.items())
        yield Plot(
            f"Output tokens per second, times {comparison.baseline}",
            "Geometric mean of the paired ratios, with its 95\u00a0% interval where there are two "
            "repeats or more. What crosses the line at 1 can't be told from the baseline.",
            (HEADLINE_METRIC,),
            (Panel("", forest(ratios, marks), said),),
        )


def words(ratio: Ratio) -> str:
    """A ratio with its interval: `2.10 × (1.95–2.26)`."""
    if ratio.interval is None:
        return f"{ratio.mean:.2f} {TIMES}"
    low, high = ratio.interval
    return f"{ratio.mean:.2f} {TIMES} ({low:.2f}{DASH}{high:.2f})"


def forest(ratios: Mapping[str, Ratio], marks: Mapping[str, Mark]) -> Figure:
    """A row an arm, the best on top: its ratio, the interval and a line at 1."""
    order = sorted(ratios, key=lambda arm: -ratios[arm].mean)
    figure, axes = panel(0.55 + ROW * len(order))
    ends = [1.0]
    for row, arm in enumerate(order):
        ratio, mark = ratios[arm], marks[arm]
        low, high = ratio.interval or (ratio.mean, ratio.mean)
        axes.plot((low, high), (row, row), color=mark.colour, linewidth=2.4)
        (dot,) = axes.plot(ratio.mean, row, mark.marker, color=mark.colour, markersize=6.5)
        tip(dot, f"{arm}: {words(ratio)}")
        axes.annotate(
            f"{ratio.mean:.2f} {TIMES}",
            (1, row),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
        )
        ends += [low, high]
    axes.axvline(1, color=INK, linewidth=0.8, zorder=0)
    rows_only(axes, order)
    _logarithmic(axes, ends)
    return figure


def _logarithmic(axes: Axes, values: Sequence[float]) -> None:
    """An axis that ends a little beyond the values, with few and plain numbers."""
    low, high = min(values) / 1.15, max(values) * 1.15
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks(low, high))
    axes.minorticks_off()
    axes.xaxis.set_major_formatter("{x:g}")
