"""How far simulated figures are off the measured ones: a row a fleet, a mark a figure."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.compare.plots.style import INK, listed, marks, style
from pipeline.files.atomic import whole_file
from tests.simulate.fleet.figures import Figures

ROW, REST = 0.4, 1.5
"""Inches of a row, and of what is above and below all of them."""
SPREAD = 0.3


def draw(errors: Mapping[str, Figures], within: float, path: Path) -> None:
    """Errors of each fleet, as shares of what was measured; the band is what is allowed."""
    names = [*dict.fromkeys(name for each in errors.values() for name in each)]
    places = np.linspace(-SPREAD, SPREAD, len(names))
    with style():
        figure, axes = listed([*errors], ROW, REST)
        axes.axvspan(-100 * within, 100 * within, color=INK, alpha=0.08, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.6)
        for (name, mark), place in zip(marks(names).items(), places, strict=True):
            axes.plot(
                [100 * each[name] for each in errors.values()],
                np.arange(len(errors)) + place,
                color=mark.colour,
                marker=mark.marker,
                linestyle="none",
                label=name,
            )
        axes.set_xlabel("simulated ÷ measured − 1, %")
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        with whole_file(path) as draft:
            figure.savefig(draft, format="png", dpi=200, transparent=False, facecolor="white")
