"""An interval as a line that never leaves its axis: an arrowhead marks where it goes on."""

from matplotlib.axes import Axes

HEADS = {True: "v^", False: "<>"}
"""Arrowheads at the lower and at the upper end of an upright line, and of a level one."""

CUT = "An arrowhead: the interval goes on beyond the axis."


def whisker(
    axes: Axes,
    ends: tuple[float, float],
    place: float,
    colour: str,
    *,
    upright: bool,
    width: float = 1.0,
) -> None:
    """Draw one; the axis must have its limits already.

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
