"""How near each engine comes to what the machine allows."""

from collections.abc import Iterator

from pipeline.compare.plots.bars import Bar, bars, said
from pipeline.compare.plots.panels import chosen, measured, some, split
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.scene import Scene

FRACTION = "roofline_fraction"


def plots(scene: Scene) -> Iterator[Plot]:
    """A panel a condition: a bar an arm, the whole width being the limit."""
    facets = split(measured(scene.cells, FRACTION))
    apart = some(facets)
    panels = []
    for name, cells in zip(scene.titles(apart), apart.values(), strict=True):
        rows = [Bar.of(cell.arm, cell, FRACTION, scene.marks[cell.arm].colour) for cell in cells]
        panels.append(Panel(name, bars(rows, top=1.0), said(rows)))
    if panels:
        yield Plot(
            "Roofline fraction of a decode step",
            "1 is the machine's own limit: its read bandwidth, or its arithmetic." + chosen(facets),
            (FRACTION,),
            tuple(panels),
        )
