"""Every figure of a comparison, in the order the page shows them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from markupsafe import Markup
from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.comparison import Comparison
from pipeline.compare.plots.adapters import Latency, adapters, popularity, served
from pipeline.compare.plots.bars import bars
from pipeline.compare.plots.lines import lines
from pipeline.compare.plots.panels import axis, position, split, title
from pipeline.compare.plots.stages import COLOURS, seconds, stages, stages_used
from pipeline.compare.plots.style import Mark, marks, style
from pipeline.compare.plots.svg import inline

Panel = tuple[str, Figure]
"""A title and what it stands above."""

LATENCIES = (
    ("latency_per_iteration_s", "Latency per iteration, seconds"),
    ("e2e_s/p50", "End-to-end latency, median, seconds"),
)
"""The first that was measured is drawn: open workloads have no iterations to speak of."""


@dataclass(frozen=True)
class Plot:
    """A section of the page: panels under one heading.

    Attributes:
        heading: what is shown, with its unit.
        caption: how to read it.
        legend: name, colour and glyph, where the panels don't name their colours themselves.
        panels: titles and SVG elements.
    """

    heading: str
    caption: str
    legend: tuple[tuple[str, str, str], ...]
    panels: tuple[tuple[str, Markup], ...]


def gallery(comparison: Comparison) -> tuple[Plot, ...]:
    """All plots for which there is something to draw."""
    if not comparison.cells:
        return ()
    drawn = marks(comparison.arms)
    with style():
        return tuple(plot for plot in _plots(comparison.cells, drawn) if plot.panels)


def _plots(cells: Sequence[Cell], drawn: Mapping[str, Mark]) -> Iterator[Plot]:
    dots = "Lines join the means of the valid runs; the fainter dots are their repeats."
    yield _metric(cells, "output_tokens_per_s", "Throughput, output tokens per second", dots, drawn)
    for metric, heading in LATENCIES:
        if any(cell.mean(metric) is not None for cell in cells):
            yield _metric(cells, metric, heading, dots, drawn)
            break
    yield _stages(cells)
    yield from _adapters(cells, drawn)


def _metric(
    cells: Sequence[Cell], metric: str, heading: str, caption: str, drawn: Mapping[str, Mark]
) -> Plot:
    measured = [cell for cell in cells if cell.mean(metric) is not None]
    along = axis(measured)
    lined = [cell for cell in measured if along and position(cell, along) is not None]
    barred = [cell for cell in measured if cell not in lined]
    panels: list[Panel] = []
    if along and lined:
        top = max(run.number(metric) or 0.0 for cell in lined for run in cell.runs)
        apart = split(lined, along)
        for condition, some in apart.items():
            figure = lines(some, metric, along, drawn, top)
            panels.append((title(condition, list(apart)), figure))
    if barred:
        panels.append(("", bars(barred, metric, drawn)))
    return Plot(heading, caption if lined else "", (), _inlined(heading, panels))


def _stages(cells: Sequence[Cell]) -> Plot:
    heading = "Where the time goes"
    caption = "Shares of the measured wall time, mean of the valid runs; its length at the end."
    timed = [cell for cell in cells if seconds(cell)]
    apart = split(timed)
    panels = [(title(where, list(apart)), stages(some)) for where, some in apart.items()]
    legend = tuple((stage.replace("_", " "), COLOURS[stage], "■") for stage in stages_used(timed))
    return Plot(heading, caption, legend, _inlined(heading, panels))


def _adapters(cells: Sequence[Cell], drawn: Mapping[str, Mark]) -> Iterator[Plot]:
    caption = (
        "Adapters by popularity. The mark is the median of all requests of the valid runs, "
        "the thick line their middle half, the thin one their range."
    )
    apart = split(cells)
    titles = [title(where, list(apart)) for where in apart]
    requests = [{cell.arm: served(cell) for cell in some} for some in apart.values()]
    names = popularity(each for panel in requests for some in panel.values() for each in some)
    latencies: tuple[tuple[str, Latency], ...] = (
        ("Time to first token by adapter", attrgetter("ttft")),
        ("End-to-end latency by adapter", attrgetter("e2e")),
    )
    legend = tuple((arm, mark.colour, mark.glyph) for arm, mark in drawn.items())
    for heading, latency in latencies:
        panels = [
            (name, adapters(some, names, latency, drawn))
            for name, some in zip(titles, requests, strict=True)
            if any(some.values())
        ]
        yield Plot(heading, caption, legend, _inlined(heading, panels))


def _inlined(heading: str, panels: Iterable[Panel]) -> tuple[tuple[str, Markup], ...]:
    slug = "".join(letter for letter in heading.lower() if letter.isalnum())
    return tuple(
        (name, inline(figure, f"{slug}{number}", f"{heading}. {name}".strip()))
        for number, (name, figure) in enumerate(panels)
    )
