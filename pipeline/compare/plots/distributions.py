"""Latencies of single requests, as cumulative distributions: means hide their tails."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from pipeline.compare.numbers import significant
from pipeline.compare.plots.axes import seconds
from pipeline.compare.plots.panels import REQUESTS, chosen, some, split
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.served import pooled
from pipeline.compare.plots.style import Mark, panel, quiet, tip
from pipeline.metrics.definitions import DEFINITIONS
from pipeline.metrics.latency import latencies, sample

FEWEST = 8
"""Requests below which a distribution would show a shape that isn't there."""
POINTS = 120
"""Steps of a curve: more can't be seen, and make the page heavy."""
HEIGHT = 2.3

LATENCIES = ("ttft_s", "tpot_s", "e2e_s")


def plots(scene: Scene) -> Iterator[Plot]:
    """Three panels a condition, for some conditions."""
    facets = split(scene.cells)
    apart = some(facets, REQUESTS)
    panels: list[Panel] = []
    arms: set[str] = set()
    for name, cells in zip(scene.titles(apart), apart.values(), strict=True):
        found = {cell.arm: [latencies(each) for each in pooled(cell)] for cell in cells}
        arms |= found.keys()
        for latency in LATENCIES:
            values = {arm: sorted(sample(latency, own)) for arm, own in found.items()}
            values = {arm: own for arm, own in values.items() if len(own) >= FEWEST}
            if values:
                title = " · ".join(filter(None, (DEFINITIONS[latency].title, name)))
                panels.append(Panel(title, curves(values, scene.marks), _said(values)))
    if panels:
        yield Plot(
            "Latency distributions",
            "Share of the requests of all valid runs that took at most so long."
            + chosen(facets, REQUESTS),
            LATENCIES,
            tuple(panels),
            scene.legend(arms),
        )


def curves(values: Mapping[str, Sequence[float]], marks: Mapping[str, Mark]) -> Figure:
    """One panel: an empirical distribution an arm, a mark at its median.

    Args:
        values: seconds by arm, sorted.
        marks: how each arm is drawn.
    """
    figure, axes = panel(HEIGHT)
    for arm, own in values.items():
        mark = marks[arm]
        shares = np.linspace(0, 1, min(len(own), POINTS) + 1)
        times = np.quantile(own, shares, method="inverted_cdf")
        axes.step(times, shares, where="post", color=mark.colour)
        median = float(np.median(own))
        (dot,) = axes.plot(median, 0.5, mark.marker, color=mark.colour)
        tip(dot, f"{arm}: median {significant(median)} s, n {len(own)}")
    seconds(axes, min(own[0] for own in values.values()), max(own[-1] for own in values.values()))
    axes.set_ylim(0, 1.03)
    axes.set_yticks((0, 0.5, 0.9, 1), ("0", "50 %", "90 %", "100 %"))
    quiet(axes)
    return figure


def _said(values: Mapping[str, Sequence[float]]) -> str:
    medians = (f"{arm} {significant(float(np.median(own)))} s" for arm, own in values.items())
    return f"medians: {', '.join(medians)}"
