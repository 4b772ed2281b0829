"""What a plot module gives: panels under one heading."""

from dataclasses import dataclass
from typing import NamedTuple

from matplotlib.figure import Figure


class Panel(NamedTuple):
    """One figure.

    Attributes:
        title: what stands above it; empty where the heading says it.
        figure: what is drawn.
        said: the same in words, for those who can't see it.
    """

    title: str
    figure: Figure
    said: str


class Key(NamedTuple):
    """An entry of a legend; `metric` is what explains it, where one does."""

    name: str
    colour: str
    glyph: str
    metric: str = ""


@dataclass(frozen=True)
class Plot:
    """A section of the page.

    Attributes:
        heading: what is shown, with its unit.
        caption: how to read it.
        metrics: those whose definitions stand below it, the legend's own apart.
        panels: the figures, all of one width.
        legend: what the colours and marks stand for.
    """

    heading: str
    caption: str
    metrics: tuple[str, ...]
    panels: tuple[Panel, ...]
    legend: tuple[Key, ...] = ()

    @property
    def short(self) -> str:
        """The heading without its unit, for a link."""
        first, *others = self.heading.split(", ")
        return " ".join((first, *(words for words in others if words.startswith("by "))))
