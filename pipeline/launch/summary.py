"""What the terminal says of a run that has ended."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.compare.report.rows import figures
from pipeline.inference.stage_clock import STAGES
from pipeline.metrics.definitions import DEFINITIONS
from pipeline.metrics.tables import FAITHFUL, LATENCIES, SUMMARY
from pipeline.tracking.answers import ShownAnswer, answers
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

SPEED = "output_tokens_per_s"

ADAPTERS = 4
"""Adapters that are heard, a line each."""
COLUMNS = ("mean", "p50", "p90", "p95", "p99")


def print_summary(directory: RunDirectory, console: Console) -> None:
    """Figures of a finished run, or why it did not finish."""
    status = directory.status()
    if status.state is not State.FINISHED:
        console.print(f"{status.state}: {status.cause}", markup=False, soft_wrap=True)
        console.print(f"log: {directory.log}", soft_wrap=True)
        return
    metrics = directory.json("metrics.json")
    console.print(_headlines(metrics))
    if "wall_s" in metrics:
        console.print(_latencies(metrics))
        console.print(_breakdown(metrics))
    if said := answers(directory, ADAPTERS, console.width):
        console.print(_answers(said))
    if profiles := directory.json("profile/README.json"):
        console.print(_profiles(profiles))
    for caution in status.cautions:
        console.print(f"⚠ {caution}", style="yellow", markup=False, soft_wrap=True)
    console.print(f"{status.validity}{''.join(f'; {each}' for each in status.reasons)}")
    console.print(f"run directory: {directory.path}", soft_wrap=True)


def _headlines(metrics: Mapping[str, float | str]) -> Table:
    table = Table(show_header=False)
    for name in SUMMARY:
        if name in metrics:
            table.add_row(DEFINITIONS[name].title, _number(metrics[name]))
        if name in metrics and name == SPEED:
            table.add_row(*_faithful(metrics))
    return table


def _faithful(metrics: Mapping[str, float | str]) -> tuple[str, str]:
    """How near to the reference's it was, or that nobody looked; it stands beside the speed."""
    numbers = {name: each for name, each in metrics.items() if not isinstance(each, str)}
    return f"{FAITHFUL.title}, {FAITHFUL.unit}", figures(FAITHFUL, numbers.get)


def _latencies(metrics: Mapping[str, float | str]) -> Table:
    table = Table("ms", *COLUMNS)
    for name in LATENCIES:
        cells = (metrics.get(f"{name}/{column}", "") for column in COLUMNS)
        figures_ms = (_number(each * 1000 if isinstance(each, float) else each) for each in cells)
        table.add_row(DEFINITIONS[name].title, *figures_ms)
    return table


def _breakdown(metrics: Mapping[str, float | str]) -> Table:
    wall = metrics["wall_s"]
    table = Table("stage", "s", "share")
    for stage in STAGES:
        seconds = metrics[f"stage_seconds/{stage}"]
        if isinstance(seconds, int | float) and isinstance(wall, int | float):
            table.add_row(stage, _number(seconds), f"{seconds / wall:.1%}")
    return table


def _answers(said: Sequence[ShownAnswer]) -> Table:
    """A line an adapter, as much of it as the terminal is wide."""
    table = Table(box=None, pad_edge=False, expand=True)
    for title, ratio in (("adapter", None), ("asked", 2), ("answered", 3)):
        table.add_column(title, no_wrap=True, overflow="ellipsis", max_width=16, ratio=ratio)
    for each in said:
        table.add_row(*map(Text, (each.adapter or "base model", each.prompt, each.text)))
    return table


def _profiles(profiles: Mapping[str, Any]) -> Table:
    table = Table("profiler", "slow-down", "in profile/, and how to open it")
    for name, found in profiles.items():
        slowdown = found["figures"].get(f"profiler_slowdown/{name}")
        files = [f"{file}: {how}" for file, how in found["artifacts"].items()]
        said = "\n".join([*files, *found["notes"]])
        table.add_row(name, f"{_number(slowdown)}×" if slowdown else "", escape(said))
    return table


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.4g}" if value < 1e6 else f"{value:,.0f}"
