"""One run of each arm: requests as bars over time, coloured by adapter."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.compare.plots.panels import FACETS, split
from pipeline.compare.plots.plot import Key, Panel, Plot
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.served import label, popularity, served
from pipeline.compare.plots.style import INK, SERIES, panel, tip
from pipeline.metrics.timeline import RequestRecord

SHOWN = 24
"""Requests of a run that are drawn, from its first on."""
ROW = 0.085
OTHERS = "#9aa1a8"
"""Adapters beyond those with a colour of their own."""


def plots(scene: Scene) -> Iterator[Plot]:
    """The first repeat of each arm, under the last of the conditions that has most arms."""
    facets = list(split(scene.cells).items())
    where, cells = max(reversed(facets), key=lambda each: len(each[1]))
    (name,) = scene.titles([where])
    requests = {cell.arm: beginning(served(cell.runs[0])) for cell in cells[:FACETS]}
    requests = {arm: own for arm, own in requests.items() if own}
    colours = _colours([each for own in requests.values() for each in own])
    if requests:
        yield Plot(
            "Timelines of single runs",
            f"The first {SHOWN} requests of the first repeat of each arm, every panel with its own "
            "scale. A thin line waits, a bar is being served, a tick is the first token; colours "
            f"are adapters.{f' Drawn for {name}.' if name else ''}",
            ("ttft_s", "e2e_s", "queue_s"),
            tuple(Panel(arm, bars(own, colours), _said(own)) for arm, own in requests.items()),
            _legend(colours),
        )


def beginning(requests: Sequence[RequestRecord]) -> list[RequestRecord]:
    """The first requests in the order they were scheduled, then begun."""
    order = sorted(requests, key=lambda each: (each.scheduled, each.admitted or each.tokens[0]))
    return order[:SHOWN]


def bars(requests: Sequence[RequestRecord], colours: Mapping[str | None, str]) -> Figure:
    """One panel: a row a request, from its scheduled arrival to its last token."""
    figure, axes = panel(0.5 + ROW * SHOWN)
    start = min(each.scheduled for each in requests)
    for row, each in enumerate(requests):
        _request(axes, row, each, start, colours.get(each.adapter, OTHERS))
    axes.set_ylim(max(len(requests), 8) - 0.4, -0.8)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel("seconds")
    return figure


def _request(axes: Axes, row: int, request: RequestRecord, start: float, colour: str) -> None:
    begun = request.submitted if request.admitted is None else request.admitted
    first, last = request.tokens[0] - start, request.finished - start
    axes.plot((request.scheduled - start, begun - start), (row, row), color=colour, linewidth=0.8)
    (bar,) = axes.barh(row, last - begun + start, left=begun - start, height=0.72, color=colour)
    tip(
        bar,
        f"request {request.id}, {label(request.adapter)}: first {first:.3g} s, last {last:.3g} s",
    )
    axes.plot((first, first), (row - 0.36, row + 0.36), color=INK, linewidth=1.2)


def _colours(requests: Sequence[RequestRecord]) -> dict[str | None, str]:
    """A colour for each of the most popular adapters."""
    return dict(zip(popularity(requests), SERIES, strict=False))


def _legend(colours: Mapping[str | None, str]) -> tuple[Key, ...]:
    return tuple(Key(label(name), colour, "■") for name, colour in colours.items())


def _said(requests: Sequence[RequestRecord]) -> str:
    start = min(each.scheduled for each in requests)
    last = max(each.finished for each in requests) - start
    switches = sum(a.adapter != b.adapter for a, b in pairwise(requests))
    return f"{len(requests)} requests in {last:.3g} s, {switches} changes of adapter between them"
