"""How near each engine comes to what the machine allows."""

from collections.abc import Iterator, Mapping

from pipeline.compare.comparison import Comparison
from pipeline.compare.intervals import student
from pipeline.compare.plots.bars import Bar, bars, said
from pipeline.compare.plots.panels import split, titles
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.style import Mark

FRACTION = "roofline_fraction"


def plots(comparison: Comparison, marks: Mapping[str, Mark]) -> Iterator[Plot]:
    """A panel a condition: a bar an arm, the whole width being the limit."""
    apart = split(cell for cell in comparison.cells if cell.mean(FRACTION) is not None)
    panels = []
    for name, cells in zip(titles(apart), apart.values(), strict=True):
        rows = [
            Bar(
                cell.arm,
                cell.mean(FRACTION) or 0.0,
                marks[cell.arm].colour,
                student(cell.values(FRACTION)),
            )
            for cell in cells
        ]
        panels.append(Panel(name, bars(rows, top=1.0), said(rows)))
    if panels:
        yield Plot(
            "Roofline fraction of a decode step",
            "1 is the machine's own limit: its read bandwidth, or its arithmetic.",
            (FRACTION,),
            tuple(panels),
        )
