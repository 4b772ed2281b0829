"""Where the time goes: a stacked bar a cell, by stage."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.figure import Figure

from pipeline.compare.cells import Cell
from pipeline.compare.columns import significant
from pipeline.compare.plots.style import panel, rows_only
from pipeline.metrics.timeline import STAGES

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
    figure, axes = panel(0.35 + ROW * len(cells))
    for row, cell in enumerate(cells):
        spent = seconds(cell)
        total = sum(spent.values())
        left = 0.0
        for stage, value in spent.items():
            axes.barh(row, value / total, left=left, height=0.62, color=COLOURS[stage])
            left += value / total
        axes.text(1.02, row, f"{significant(total)} s", va="center")
    rows_only(axes, [cell.arm for cell in cells])
    axes.set_xlim(0, 1)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    return figure
