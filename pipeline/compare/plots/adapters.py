"""Latency by adapter: popular and rare ones differ; that is the point of Zipf."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.plots.style import Mark, panel, rows_only
from pipeline.tracking.run_directory import RunDirectory

SHOWN = 10
"""Most popular adapters with a row of their own; the others share one."""


class Served(NamedTuple):
    """What is drawn of one request: seconds from the scheduled arrival, by its adapter."""

    adapter: str | None
    ttft: float
    e2e: float


Latency = Callable[[Served], float]


def served(cell: Cell) -> list[Served]:
    """The requests of all repeats that brought tokens and no error."""
    return [
        Served(each.adapter, each.tokens[0] - each.scheduled, each.finished - each.scheduled)
        for run in cell.runs
        for each in RunDirectory(run.path).requests()
        if each.tokens and each.error is None
    ]


def popularity(requests: Iterable[Served]) -> list[str | None]:
    """The adapters that were asked for, the popular ones first."""
    return [name for name, _ in Counter(each.adapter for each in requests).most_common()]


def adapters(
    requests: Mapping[str, Sequence[Served]],
    names: Sequence[str | None],
    latency: Latency,
    marks: Mapping[str, Mark],
) -> Figure:
    """One panel: a row an adapter, and in it each arm's median and quartiles.

    Args:
        requests: what each arm served, all under one condition.
        names: adapters in the order of their rows; those beyond `SHOWN` share the last one.
        latency: what is drawn, in seconds.
        marks: how each arm is drawn.
    """
    asked = {each.adapter for some in requests.values() for each in some}
    present = [name for name in names if name in asked]
    shown, others = present[:SHOWN], len(present[SHOWN:])
    labels = [_label(name) for name in shown] + ([f"{others} others"] if others else [])
    figure, axes = panel(0.6 + len(labels) * (0.13 + min(0.1 * len(requests), 0.6)))
    rows_only(axes, labels)
    for place, (arm, some) in enumerate(requests.items()):
        offset = (place - (len(requests) - 1) / 2) * 0.72 / len(requests)
        for row, values in _by_row(some, shown, latency).items():
            _summary(axes, row + offset, values, marks[arm])
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds")
    return figure


def _label(adapter: str | None) -> str:
    return "base model" if adapter is None else adapter


def _by_row(
    requests: Iterable[Served], shown: Sequence[str | None], latency: Latency
) -> dict[int, list[float]]:
    rows: dict[int, list[float]] = defaultdict(list)
    for each in requests:
        row = shown.index(each.adapter) if each.adapter in shown else len(shown)
        rows[row].append(latency(each))
    return rows


def _summary(axes: Axes, height: float, values: Sequence[float], mark: Mark) -> None:
    """Tufte's quartile plot: a dot at the median, a line over the middle half, whiskers."""
    low, lower, median, upper, high = np.percentile(values, (0, 25, 50, 75, 100))
    axes.plot((low, high), (height, height), color=mark.colour, linewidth=0.7, alpha=0.6)
    axes.plot((lower, upper), (height, height), color=mark.colour, linewidth=2.4)
    axes.plot(median, height, color=mark.colour, marker=mark.marker, markersize=4.5)
