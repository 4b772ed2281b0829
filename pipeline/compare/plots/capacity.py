"""What an engine carries: requests served in time against requests that come."""

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.plots.axes import shares
from pipeline.compare.plots.lines import along, draw, said
from pipeline.compare.plots.panels import AXES, chosen, place, position, some, swept
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.style import INK, Mark, pair

(RATE,) = (axis for axis in AXES if axis.key == "workload.rate")

SERVED = ("goodput_rps", "requests_per_s")
KEPT = ("slo_attainment", "slora_attainment")
"""The first that was measured: without limits of its own a run still knows S-LoRA's."""


def plots(scene: Scene) -> Iterator[Plot]:
    """A panel a condition in which the rate was swept."""
    cells = [cell for cell in scene.cells if position(cell, RATE.key) is not None]
    served, kept = _first(cells, SERVED), _first(cells, KEPT)
    if served is None or kept is None:
        return
    facets = swept(cells, RATE)
    apart = some(facets)
    if apart:
        what = "Goodput" if served == "goodput_rps" else "Requests served"
        yield Plot(
            f"Capacity: {what.lower()} and attainment by rate",
            f"Above: {what.lower()} per second against those that come; on the diagonal nothing "
            "is lost. Below: the share of requests within the limits, with a line at 99\u00a0%."
            + chosen(facets),
            (served, kept),
            tuple(
                Panel(name, curves(each, served, kept, scene.marks), said(each, served, RATE))
                for name, each in zip(scene.titles(apart), apart.values(), strict=True)
            ),
            scene.legend(cell.arm for each in apart.values() for cell in each),
        )


def curves(cells: Sequence[Cell], served: str, kept: str, marks: Mapping[str, Mark]) -> Figure:
    """One panel of two axes over the same rates."""
    figure, (above, below) = pair(3.4, (3, 2))
    last = max(place(cell, RATE) for cell in cells)
    above.plot((0, last), (0, last), color=INK, alpha=0.35, linewidth=1, dashes=(4, 3))
    above.set_ylim(0, last * 1.06)
    draw(above, cells, served, RATE, marks)
    above.set_ylabel("requests/s")
    below.axhline(0.99, color=INK, alpha=0.35, linewidth=1, dashes=(4, 3))
    shares(below)
    draw(below, cells, kept, RATE, marks)
    along(below, RATE, cells)
    return figure


def _first(cells: Sequence[Cell], metrics: Sequence[str]) -> str | None:
    """The first metric that every cell has."""
    complete = (name for name in metrics if cells and all(c.mean(name) is not None for c in cells))
    return next(complete, None)
