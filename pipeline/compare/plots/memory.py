"""Peak memory, and how much of it is weights."""

from collections.abc import Iterator
from statistics import fmean

from pipeline.compare.plots.bars import Bar, bars, said
from pipeline.compare.plots.plot import Panel, Plot
from pipeline.compare.plots.scene import Scene

PEAK, WEIGHTS = "peak_rss_bytes", "model_bytes"
MEGABYTE = 1e6


def plots(scene: Scene) -> Iterator[Plot]:
    """One panel: a bar an arm, its highest peak under any condition."""
    rows = [bar for arm in scene.arms if (bar := _bar(scene, arm))]
    if rows:
        yield Plot(
            "Peak memory, MB",
            "The highest of all valid runs; the darker part is as much as the weights take.",
            (PEAK, WEIGHTS),
            (Panel("", bars(rows), said(rows)),),
        )


def _bar(scene: Scene, arm: str) -> Bar | None:
    runs = [run for cell in scene.cells if cell.arm == arm for run in cell.runs]
    peaks = [value for run in runs if (value := run.number(PEAK)) is not None]
    weights = [value for run in runs if (value := run.number(WEIGHTS)) is not None]
    if not peaks:
        return None
    part = fmean(weights) / MEGABYTE if weights else None
    return Bar(arm, max(peaks) / MEGABYTE, scene.marks[arm].colour, part=part)
