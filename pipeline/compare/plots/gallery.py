"""Every figure of a comparison, in the order the page shows them."""

import re
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.compare.comparison import Comparison
from pipeline.compare.plots import (
    adapters,
    capacity,
    cliff,
    distributions,
    memory,
    pareto,
    ratios,
    roofline,
    stages,
    timeline,
    trends,
)
from pipeline.compare.plots.plot import Plot
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.style import style
from pipeline.compare.plots.svg import inline

CONTENTS = (
    ratios,
    pareto,
    trends,
    capacity,
    cliff,
    distributions,
    stages,
    timeline,
    adapters,
    memory,
    roofline,
)
"""Modules with a `plots`, which yields nothing where the runs carry nothing to draw."""


@dataclass(frozen=True)
class Section:
    """A plot that can be set into the page.

    Attributes:
        name: what links lead to.
        plot: headings, captions and legend.
        figures: titles and SVG elements.
    """

    name: str
    plot: Plot
    figures: tuple[tuple[str, Markup], ...]


def gallery(comparison: Comparison) -> tuple[Section, ...]:
    """All plots for which there is something to draw."""
    if not comparison.cells:
        return ()
    scene = Scene.of(comparison)
    with style():
        return tuple(_section(plot) for module in CONTENTS for plot in module.plots(scene))


def _section(plot: Plot) -> Section:
    name = re.sub(r"[^a-z0-9]+", "-", plot.heading.lower()).strip("-")
    figures = tuple(
        (
            panel.title,
            inline(panel.figure, f"{name}-{number}", _label(plot.heading, panel.title, panel.said)),
        )
        for number, panel in enumerate(plot.panels)
    )
    return Section(name, plot, figures)


def _label(heading: str, title: str, said: str) -> str:
    return ". ".join(filter(None, (heading, title, said)))
