"""Axes: few numbers, far enough apart, written as people say them; intervals never leave them."""

from collections.abc import Sequence
from math import ceil, floor, log10

from matplotlib.axes import Axes
from matplotlib.axis import Axis

from pipeline.compare.numbers import duration, plain

STEPS = (1, 2, 5)
ROOM = 5
"""More numbers than that would crowd a panel."""

HEADS = {True: "v^", False: "<>"}
"""Arrowheads at the lower and at the upper end of an upright line, and of a level one."""

CUT = "An arrowhead: the interval goes on beyond the axis."


def seconds(axes: Axes, low: float, high: float) -> None:
    """An x axis of seconds from `low` to `high`, both above 0 as times are."""
    decades(axes, max(low, 1e-7) / 1.12, max(high, 1e-7) * 1.12)
    axes.xaxis.set_major_formatter(lambda value, _: duration(value))


def decades(axes: Axes, low: float, high: float) -> None:
    """A logarithmic x axis from `low`, which is greater than 0, to `high`."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks(low, high))
    axes.minorticks_off()
    numbers(axes.xaxis)


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """A logarithmic y axis from below `low`, which is greater than 0, to above `high`."""
    low, high = low / 1.25, high * 1.25
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_yticks(ticks(low, high))
    axes.minorticks_off()
    numbers(axes.yaxis)


def shares(axes: Axes) -> None:
    """A y axis from 0 to 100 %."""
    axes.set_ylim(-0.04, 1.06)
    axes.set_yticks((0, 0.5, 1), ("0", "50\u00a0%", "100\u00a0%"))


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two: 1, 2, 5 of each decade, or only as many as have room."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    for steps in (STEPS, (1, 3), (1,)):
        found = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
        if len(found) <= ROOM:
            return found
    return found[:: ceil(len(found) / ROOM)]


def apart(values: Sequence[float], count: int, *, doubling: bool) -> list[float]:
    """Those of the ascending values that stand far enough apart for `count` of them on an axis."""
    places = [log10(value) for value in values] if doubling else list(values)
    least = (places[-1] - places[0]) / count
    kept: list[int] = []
    for number, place in enumerate(places):
        if not kept or place - places[kept[-1]] >= least:
            kept.append(number)
    return [values[number] for number in kept]


def numbers(axis: Axis) -> None:
    """Write an axis' numbers so."""
    axis.set_major_formatter(lambda value, _: plain(value))


def whisker(
    axes: Axes,
    ends: tuple[float, float],
    place: float,
    colour: str,
    *,
    upright: bool,
    width: float = 1.0,
) -> None:
    """Draw an interval as a line; an arrowhead marks where it goes on beyond the axis.

    The axis must have its limits already.

    Args:
        axes: where.
        ends: of the interval.
        place: on the other axis.
        colour: of line and arrowheads.
        upright: whether the interval is on the y axis.
        width: of the line, points.
    """
    least, most = axes.get_ylim() if upright else axes.get_xlim()
    within = [min(max(end, least), most) for end in ends]
    x, y = ((place, place), within) if upright else (within, (place, place))
    axes.plot(x, y, color=colour, linewidth=width)
    for number, head in enumerate(HEADS[upright]):
        if ends[number] != within[number]:
            axes.plot(x[number], y[number], head, color=colour, markersize=4, clip_on=False)
