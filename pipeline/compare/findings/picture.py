"""A sweep's throughput as a picture that stands in a page."""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.compare.comparison import Comparison
from pipeline.compare.plots import trends
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.style import style
from pipeline.files.atomic import whole_file

DOTS = 130
"""Per inch."""

PAPER = "white"
"""Behind the picture: a page may be dark."""


def picture(comparison: Comparison, path: Path) -> str:
    """Draw what the report draws of the throughput first; what it shows, in words."""
    scene = Scene.of(comparison)
    with style():
        plot = next(trends.plots(scene))
        panel = plot.panels[0]
        if plot.legend:
            _legend(panel.figure, scene, [key.name for key in plot.legend])
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft:
            panel.figure.savefig(
                draft, format="png", dpi=DOTS, transparent=False, facecolor=PAPER, metadata=NOTHING
            )
    return f"{plot.heading}. {panel.said}"


NOTHING = {"Software": None}
"""The same figures make the same file."""


def _legend(figure: Figure, scene: Scene, arms: list[str]) -> None:
    """Which colour and mark is whose, beneath the axes."""
    marks = [(arm, scene.marks[arm]) for arm in arms]
    figure.legend(
        [Line2D([], [], color=mark.colour, marker=mark.marker) for _, mark in marks],
        [arm for arm, _ in marks],
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=8,
    )
