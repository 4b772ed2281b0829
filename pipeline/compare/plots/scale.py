"""Axes of times: logarithmic, since engines differ by factors, and written as people say them."""

from math import ceil, floor, log10

from matplotlib.axes import Axes

STEPS = (1, 2, 5)
ROOM = 5
"""More numbers than that would crowd a panel."""


def seconds(axes: Axes, low: float, high: float) -> None:
    """An x axis of seconds from `low` to `high`, both above 0 as times are."""
    low, high = max(low, 1e-7) / 1.12, max(high, 1e-7) * 1.12
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks(low, high))
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda value, _: time(value))


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two: 1, 2, 5 of each decade, or only as many as have room."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    for steps in (STEPS, (1, 3), (1,)):
        found = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
        if len(found) <= ROOM:
            return found
    return found[:: ceil(len(found) / ROOM)]


def time(seconds: float) -> str:
    """A time in the unit that suits it: 20 µs, 3 ms, 1.5 s."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size * 0.9999:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.1g} s"
