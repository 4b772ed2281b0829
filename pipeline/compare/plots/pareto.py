"""Speed against fidelity: which engines no other one beats at both."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import HEADLINE_METRIC
from pipeline.compare.numbers import significant
from pipeline.compare.plots.panels import REQUESTS, chosen, some, split
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.style import INK, Mark, panel, quiet, tip

FAITHFUL = 1e-7
"""Nats below which a divergence is rounding: drawn here, whatever it is."""
HEIGHT = 2.7
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Point = tuple[float, float]
"""Divergence in nats, and output tokens a second."""


def plots(scene: Scene) -> Iterator[Plot]:
    """A panel a condition in which some arm is less faithful than another."""
    measured = split(cell for cell in scene.cells if _point(cell))
    unlike = {where: cells for where, cells in measured.items() if _differ(cells)}
    apart = some(unlike, REQUESTS)
    if apart:
        yield Plot(
            "Speed against fidelity",
            "Up is faster, right is more faithful to the reference. On the line: those that no "
            "other one beats at both (the Pareto front)." + chosen(unlike, REQUESTS),
            (HEADLINE_METRIC, "mean_kl"),
            tuple(
                Panel(name, scatter(cells, scene.marks), _said(cells))
                for name, cells in zip(scene.titles(apart), apart.values(), strict=True)
            ),
            scene.legend([cell.arm for cells in apart.values() for cell in cells]),
        )


def front(points: Sequence[Point]) -> list[Point]:
    """Those that no other point beats at both, the most faithful first."""
    best: list[Point] = []
    for nats, speed in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or speed > best[-1][1]:
            best.append((nats, speed))
    return best


def scatter(cells: Sequence[Cell], marks: Mapping[str, Mark]) -> Figure:
    """One panel: a mark an arm, and the front."""
    figure, axes = panel(HEIGHT)
    points = {cell.arm: point for cell in cells if (point := _point(cell))}
    best = front(list(points.values()))
    axes.step(*zip(*best, strict=True), where="post", color=INK, alpha=0.35, linewidth=1, zorder=1)
    for arm, (nats, speed) in points.items():
        (dot,) = axes.plot(nats, speed, marks[arm].marker, color=marks[arm].colour, markersize=7)
        tip(dot, f"{arm}: {significant(speed)} output tokens/s, {significant(nats)} nats")
    axes.set_ylim(0, max(speed for _, speed in points.values()) * 1.1)
    axes.set_ylabel("output tokens/s")
    _divergence(axes, max(nats for nats, _ in points.values()))
    quiet(axes)
    return figure


def _divergence(axes: Axes, most: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(most * 3, FAITHFUL / 3)
    ends = round(log10(FAITHFUL)), int(log10(most * 3)) if most < 1 / 3 else 0
    powers = range(ends[0], ends[1] + 1, max(1, (ends[1] - ends[0]) // 3))
    axes.set_xticks([10.0**power for power in powers])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda value, _: _power(value))
    axes.set_xlabel("mean KL divergence, nats")


def _power(value: float) -> str:
    """0, 0.001 or 10⁻⁵."""
    if value <= FAITHFUL:
        return "0"
    power = round(log10(value))
    return f"{value:g}" if power > -4 else "10" + str(power).translate(RAISED)


def _point(cell: Cell) -> Point | None:
    nats, speed = cell.mean("mean_kl"), cell.mean(HEADLINE_METRIC)
    return None if nats is None or speed is None else (max(nats, FAITHFUL), speed)


def _differ(cells: Sequence[Cell]) -> bool:
    """Whether there is a choice to be made: one faithful and one that is less so."""
    found = [point[0] for cell in cells if (point := _point(cell))]
    return len(found) > 1 and max(found) > 10 * min(found)


def _said(cells: Sequence[Cell]) -> str:
    points = {cell.arm: point for cell in cells if (point := _point(cell))}
    return "; ".join(
        f"{arm}: {significant(speed)} output tokens/s at {significant(nats)} nats"
        for arm, (nats, speed) in points.items()
    )
