"""Latency by adapter: popular and rare ones differ; that is the point of Zipf."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.compare.numbers import DASH, significant
from pipeline.compare.plots.axes import seconds
from pipeline.compare.plots.panels import FACETS, REQUESTS, some, split
from pipeline.compare.plots.plot import Key, Panel, Plot
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.served import label, pooled, popularity
from pipeline.compare.plots.style import listed, tip
from pipeline.metrics.latency import latencies, sample
from pipeline.metrics.timeline import RequestRecord

SHOWN = 10
"""Most popular adapters with a row of their own; the others share one."""

LATENCIES = (("first token", "ttft_s", "#d4610f", "s"), ("last token", "e2e_s", "#2b7fc4", "o"))
LIFT = 0.17
"""How far a row's two latencies stand from its middle."""


def plots(scene: Scene) -> Iterator[Plot]:
    """A panel an arm, for as many conditions as fill two rows of panels; all of one scale."""
    arms = max(map(len, split(scene.cells).values()))
    apart = some(split(scene.cells), min(REQUESTS, max(FACETS // arms, 1)))
    requests = {
        (name, cell.arm): found
        for name, cells in zip(scene.titles(apart), apart.values(), strict=True)
        for cell in cells[:FACETS]
        if (found := pooled(cell))
    }
    everything = [each for found in requests.values() for each in found]
    names = popularity(everything)
    if len(names) < 2:
        return
    ends = min(_sample("ttft_s", everything)), max(_sample("e2e_s", everything))
    yield Plot(
        "Latency by adapter",
        "Adapters by popularity, time from the scheduled arrival. The mark is the median, the "
        "thick line the middle half, the thin one the range of the requests of all valid runs.",
        ("ttft_s", "e2e_s"),
        tuple(
            Panel(" · ".join(filter(None, (arm, name))), adapters(found, names, ends), _said(found))
            for (name, arm), found in requests.items()
        ),
        tuple(
            Key(name, colour, glyph)
            for (name, _, colour, _), glyph in zip(LATENCIES, "■●", strict=True)
        ),
    )


def adapters(
    requests: Sequence[RequestRecord],
    names: Sequence[str | None],
    ends: tuple[float, float],
) -> Figure:
    """One panel: a row an adapter, and in it both latencies.

    Args:
        requests: what one arm served under one condition.
        names: adapters in the order of their rows; those beyond `SHOWN` share the last one.
        ends: the shortest and the longest latency of all panels, seconds.
    """
    asked = {each.adapter for each in requests}
    present = [name for name in names if name in asked]
    shown, others = present[:SHOWN], len(present[SHOWN:])
    labels = [label(name) for name in shown] + ([f"{others} others"] if others else [])
    figure, axes = listed(labels, 0.26, 0.55)
    for (what, latency, colour, marker), lift in zip(LATENCIES, (-LIFT, LIFT), strict=True):
        for row, own in _by_row(requests, shown).items():
            values = _sample(latency, own)
            _summary(axes, row + lift, values, colour, marker, f"{labels[row]}, {what}")
    seconds(axes, *ends)
    return figure


def _sample(latency: str, requests: Iterable[RequestRecord]) -> list[float]:
    return sample(latency, [latencies(each) for each in requests])


def _by_row(
    requests: Iterable[RequestRecord], shown: Sequence[str | None]
) -> dict[int, list[RequestRecord]]:
    rows: dict[int, list[RequestRecord]] = defaultdict(list)
    for each in requests:
        rows[shown.index(each.adapter) if each.adapter in shown else len(shown)].append(each)
    return rows


def _summary(
    axes: Axes, height: float, values: Sequence[float], colour: str, marker: str, what: str
) -> None:
    """Tufte's quartile plot: a dot at the median, a line over the middle half, whiskers."""
    low, lower, median, upper, high = np.percentile(values, (0, 25, 50, 75, 100))
    axes.plot((low, high), (height, height), color=colour, linewidth=0.7, alpha=0.6)
    axes.plot((lower, upper), (height, height), color=colour, linewidth=2.4)
    (dot,) = axes.plot(median, height, marker, color=colour, markersize=4)
    half = f"{significant(lower)}{DASH}{significant(upper)}"
    tip(dot, f"{what}: median {significant(median)} s, half of them {half} s, n {len(values)}")


def _said(requests: Sequence[RequestRecord]) -> str:
    own: dict[str, list[float]] = defaultdict(list)
    for each in requests:
        own[label(each.adapter)].append(latencies(each).e2e_s)
    medians = (f"{name} {significant(float(np.median(v)))} s" for name, v in own.items())
    return f"median time to the last token: {', '.join(medians)}"
