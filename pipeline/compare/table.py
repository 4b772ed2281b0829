"""The comparison in a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.compare.columns import MISSING, Column
from pipeline.compare.comparison import Comparison
from pipeline.compare.headline import finding, summed_up
from pipeline.compare.rows import Row, differing, measured, rows, shown
from pipeline.compare.settings import short
from pipeline.compare.verdict import share

UNDECIDED = "<5 %: no difference found, and one of 5 % or more would have shown."
"""What the sign behind a ratio means."""

UNLIKE = "≠"
"""Marks a ratio of runs that differ in more than what is compared."""


def print_table(comparison: Comparison, console: Console) -> None:
    """Print headline, table and what was left out, as wide as the console allows."""
    lines = rows(comparison)
    table, dropped = _fitting(comparison, lines, console)
    console.print(*_said(comparison), *_throughout(comparison), "", table, sep="\n")
    if any(row.against_baseline and row.against_baseline.within is not None for row in lines):
        console.print(Text(UNDECIDED, style="dim"), soft_wrap=True)
    for line in unlike(lines):
        console.print(Text(line, style="yellow"), soft_wrap=True)
    for row in lines:
        if row.why:
            line = f"{row.verdict}  {row.runs[0].name}: {row.why}"
            console.print(Text(line, style="yellow"), soft_wrap=True)
    if dropped:
        console.print(Text(f"Not shown for want of width: {', '.join(dropped)}.", style="dim"))
    console.print(Text(f"Report: {comparison.report}"), soft_wrap=True)


def unlike(lines: Sequence[Row]) -> list[str]:
    """What the mark stands for, a line for each set of circumstances and the arms it concerns."""
    concerned: dict[tuple[str, ...], dict[str, None]] = {}
    for row in lines:
        if row.ratio and row.ratio.unlike:
            concerned.setdefault(row.ratio.unlike, {})[row.arm] = None
    return [f"{UNLIKE} {', '.join(arms)}: {', '.join(what)}" for what, arms in concerned.items()]


def _said(comparison: Comparison) -> list[Text]:
    """What was found, and how faithful the arms were and how many runs count."""
    return [Text(each) for each in (finding(comparison), summed_up(comparison)) if each]


def _fitting(
    comparison: Comparison, lines: Sequence[Row], console: Console
) -> tuple[Table, list[str]]:
    """The table, without the columns that would make it wider than the console."""
    unbounded = console.options.update(width=10_000)
    everything = measured(lines)
    columns = list(everything)
    table = _table(comparison, lines, columns)
    while columns and console.measure(table, options=unbounded).maximum > console.width:
        columns.remove(min(columns, key=lambda column: column.keep))
        table = _table(comparison, lines, columns)
    return table, [column.title for column in everything if column not in columns]


def _table(comparison: Comparison, lines: Sequence[Row], columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column("engine", no_wrap=True)
    for title in (*map(short, _differing(comparison)), "repeat", "ratio\n(pairs)"):
        table.add_column(title, justify="right")
    for column in columns:
        table.add_column(_header(column), justify="right")
    for row, following in zip(lines, (*lines[1:], None), strict=True):
        last = following is None or following.condition != row.condition
        style = "" if row.counts else "yellow"
        table.add_row(*_texts(row, columns, comparison), style=style, end_section=last)
    return table


def _differing(comparison: Comparison) -> list[str]:
    """The settings that tell rows apart; only they need a column."""
    return differing([run.condition for run in comparison.runs])


def _throughout(comparison: Comparison) -> list[Text]:
    """What is the same in every row, in a line of its own."""
    columns = _differing(comparison)
    same = [(key, value) for key, value in comparison.runs[0].condition if key not in columns]
    words = ", ".join(f"{short(key)} {shown(value)}" for key, value in same)
    return [Text(f"Throughout: {words}.", style="dim")] if words else []


def _header(column: Column) -> str:
    """Title and unit on lines of their own, parted where their words or figures are."""
    unit = column.unit.replace(" / ", " /\n")
    return f"{column.title}\n{unit}" if unit else column.title.replace(" ", "\n")


def _texts(row: Row, columns: Sequence[Column], comparison: Comparison) -> list[Text]:
    wanted = _differing(comparison)
    settings = [shown(value) for key, value in row.condition if key in wanted]
    figures = [column.text(row.number) + _sign(row, column) for column in columns]
    against = _against(row, comparison.baseline)
    return [Text(text) for text in (row.arm, *settings, row.repeats, against, *figures)]


def _sign(row: Row, column: Column) -> str:
    noisy = row.variation is not None and "latency_per_iteration_s" in column.metrics
    return " ⚠" if noisy else ""


def _against(row: Row, baseline: str | None) -> str:
    if not row.counts:
        return row.verdict
    if row.arm == baseline:
        return "baseline"
    against = row.against_baseline
    if against is None:
        return MISSING
    mark = f" {UNLIKE}" if against.ratio.unlike else ""
    within = "" if against.within is None else f" <{share(against.within)}"
    return f"{against.ratio.mean:.2f} ({against.ratio.paired}){mark}{within}"
