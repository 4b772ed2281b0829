"""How figures look: few lines, text that takes the page's colour, hues told apart by all."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.compare.labels import cut

INK = "#0a0b0c"
"""Stands for the page's text colour, light or dark; see `svg.inline`."""

SERIES = ("#2b7fc4", "#d4610f", "#149a70", "#b55fa2", "#9c7c0c", "#7d70d6", "#c4545e", "#6b7682")
"""Mid-tones: at least 3 : 1 against both the light page and the dark one."""

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
GLYPHS = ("●", "■", "◆", "▲", "▼", "✚", "✖", "★")
"""So that no series is known by its colour alone; the same shapes in figures and in text."""

LETTERS = 56
"""Most letters of a row's label, in two lines."""
LINE = 0.16
"""Inches that the second of them takes."""

WIDTH = 4.2
"""Inches of a panel. On a phone it is 350 pixels wide, and ten points of text then 11.6 of them."""

TIP = "tip:"
"""Begins the id of what has a text to be shown on hover; see `svg.inline`."""

RC: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "savefig.transparent": True,
}


@dataclass(frozen=True)
class Mark:
    """How one arm is drawn, the same in every figure."""

    colour: str
    marker: str
    glyph: str


@contextmanager
def style() -> Iterator[None]:
    """Draw in this module's style, and leave matplotlib as it was."""
    with mpl.rc_context(RC), warnings.catch_warnings():
        # Names in any script: the page's fonts draw them, matplotlib's only measure them.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def marks(arms: Sequence[str]) -> dict[str, Mark]:
    """A mark for each arm; colours return after eight, with another marker."""
    found = {}
    for number, arm in enumerate(arms):
        turn, place = divmod(number, len(SERIES))
        shape = (place + turn) % len(MARKERS)
        found[arm] = Mark(SERIES[place], MARKERS[shape], GLYPHS[shape])
    return found


def panel(height: float) -> tuple[Figure, Axes]:
    """An empty figure with one set of axes, as wide as a panel."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def pair(height: float, shares: tuple[int, int]) -> tuple[Figure, tuple[Axes, Axes]]:
    """An empty figure with two sets of axes, one above the other, over the same x axis."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=shares)
    above.tick_params(axis="x", length=0)
    return figure, (above, below)


def tip(artist: Artist, text: str) -> None:
    """Show `text` when the pointer rests on what was drawn."""
    artist.set_gid(f"{TIP}{text}")


def quiet(axes: Axes) -> None:
    """Faint horizontal lines to read values by, behind everything."""
    axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def listed(labels: Sequence[str], row: float, rest: float) -> tuple[Figure, Axes]:
    """An empty figure whose y axis is a list of names, the first on top.

    Args:
        labels: the names; long ones lose their middles and take two lines.
        row: inches that a name of one line takes.
        rest: inches above and below all of them.
    """
    short = cut(labels, LETTERS)
    lines = [_in_lines(short[label]) for label in labels]
    most = max((each.count("\n") for each in lines), default=0)
    figure, axes = panel(rest + (row + LINE * most) * len(labels))
    axes.set_yticks(range(len(labels)), lines)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _in_lines(label: str) -> str:
    """In two lines where one doesn't do, parted at a space if there is one near the middle."""
    if len(label) <= LETTERS // 2:
        return label
    spaces = [place for place, letter in enumerate(label) if letter == " "]
    middle = len(label) / 2
    place = min(spaces, key=lambda place: abs(place - middle), default=0)
    if abs(place - middle) > LETTERS / 8:
        return f"{label[: round(middle)]}\n{label[round(middle) :]}"
    return f"{label[:place]}\n{label[place + 1 :]}"
