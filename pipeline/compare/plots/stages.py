"""Where the time goes: a stacked bar a cell, by stage."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.numbers import significant
from pipeline.compare.plots.panels import chosen, some, split
from pipeline.compare.plots.plot import Key, Panel, Plot
from pipeline.compare.plots.scene import Scene
from pipeline.compare.plots.style import listed, tip
from pipeline.inference.stage_clock import STAGES

COLOURS: Mapping[str, str] = {
    "tokenize": "#a8841c",
    "adapter_load": "#c4452f",
    "adapter_switch": "#e08a3c",
    "prefill": "#149a80",
    "decode": "#2b7fc4",
    "sample": "#8a76d8",
    "detokenize": "#b55fa2",
    "other": "#8a929b",
}
"""Warm: adapters; cool: the model; the rest between."""

ROW = 0.27


def plots(scene: Scene) -> Iterator[Plot]:
    """A panel a condition."""
    timed = split(cell for cell in scene.cells if seconds(cell))
    apart = some(timed)
    if apart:
        yield Plot(
            "Where the time goes",
            "Shares of the measured wall time, mean of the valid runs; its length at the end."
            + chosen(timed),
            (),
            tuple(
                Panel(name, stages(cells), _said(cells))
                for name, cells in zip(scene.titles(apart), apart.values(), strict=True)
            ),
            tuple(
                Key(_words(stage), COLOURS[stage], "■", f"stage_seconds/{stage}")
                for stage in stages_used(cell for cells in apart.values() for cell in cells)
            ),
        )


def seconds(cell: Cell) -> dict[str, float]:
    """Seconds by stage, those that took any; empty when the runs kept no stages."""
    found = {stage: cell.mean(f"stage_seconds/{stage}") or 0.0 for stage in STAGES}
    return {stage: spent for stage, spent in found.items() if spent > 0}


def stages_used(cells: Iterable[Cell]) -> list[str]:
    """Stages that took time in any of the cells, in the order a request meets them."""
    spent = {stage for cell in cells for stage in seconds(cell)}
    return [stage for stage in STAGES if stage in spent]


def stages(cells: Sequence[Cell]) -> Figure:
    """One panel: the measured time of each arm as shares, its length in seconds at the end."""
    figure, axes = listed([cell.arm for cell in cells], ROW, 0.3)
    for row, cell in enumerate(cells):
        spent = seconds(cell)
        total = sum(spent.values())
        left = 0.0
        for stage, value in spent.items():
            share = value / total
            (bar,) = axes.barh(row, share, left=left, height=0.62, color=COLOURS[stage])
            tip(bar, f"{cell.arm}, {_words(stage)}: {share:.1%}, {significant(value)} s")
            left += share
        axes.text(1.02, row, f"{significant(total)} s", va="center")
    axes.set_xlim(0, 1)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    return figure


def _words(stage: str) -> str:
    return stage.replace("_", " ")


def _said(cells: Iterable[Cell]) -> str:
    listed = []
    for cell in cells:
        spent = seconds(cell)
        total = sum(spent.values())
        shares = (f"{_words(stage)} {value / total:.0%}" for stage, value in spent.items())
        listed.append(f"{cell.arm}: {', '.join(shares)}")
    return "; ".join(listed)
