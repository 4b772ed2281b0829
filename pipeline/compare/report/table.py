"""The comparison in a terminal."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import inf

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.compare.comparison import Comparison
from pipeline.compare.conditions import Usual
from pipeline.compare.labels import cut, printable
from pipeline.compare.numbers import MISSING, times
from pipeline.compare.report.headline import finding, summed_up
from pipeline.compare.report.layout import Layout, layouts
from pipeline.compare.report.rows import Row, measured, presented
from pipeline.compare.settings import shown
from pipeline.compare.verdict import share
from pipeline.metrics.tables import Column

UNDECIDED = "<5 %: no difference found, and one of 5 % or more would have shown."
"""What the sign behind a ratio means."""

UNLIKE = "≠"
"""Marks a ratio of runs that differ in more than what is compared."""

SETTINGS = "settings"
"""What stands above what is unusual of a condition."""

LINES = 3
"""Lines that may take."""


def print_table(comparison: Comparison, console: Console) -> None:
    """Print headline, table and what was left out, as wide as the console allows."""
    lines = presented(comparison)
    table, dropped = _fitting(comparison, lines, console)
    said = [finding(comparison), summed_up(comparison), *comparison.usual.sentences()]
    console.print(*(Text(each) for each in said if each), "", table, sep="\n")
    if any(row.against_baseline and row.against_baseline.within is not None for row in lines):
        console.print(Text(UNDECIDED, style="dim"), soft_wrap=True)
    for line in (*unlike(lines), *_left_out(lines)):
        console.print(Text(line, style="yellow"), soft_wrap=True)
    if dropped:
        console.print(Text(f"Not shown for want of width: {', '.join(dropped)}.", style="dim"))
    console.print(Text(f"Report: {printable(str(comparison.report))}"), soft_wrap=True)


def unlike(lines: Sequence[Row]) -> list[str]:
    """What the mark stands for, a line for each set of circumstances and the arms it concerns."""
    concerned: dict[tuple[str, ...], dict[str, None]] = {}
    for row in lines:
        if row.ratio and row.ratio.unlike:
            concerned.setdefault(row.ratio.unlike, {})[row.arm] = None
    return [f"{UNLIKE} {', '.join(arms)}: {', '.join(what)}" for what, arms in concerned.items()]


def _left_out(lines: Iterable[Row]) -> list[str]:
    return [f"{row.verdict}  {printable(row.runs[0].name)}: {row.why}" for row in lines if row.why]


def _fitting(
    comparison: Comparison, lines: Sequence[Row], console: Console
) -> tuple[Table, list[str]]:
    """The fullest table that is no wider than the console, and what it doesn't show."""
    unbounded = console.options.update(width=10_000)
    everything = measured(lines, comparison.metric)
    for layout in layouts(everything):
        table = _table(comparison, lines, layout)
        if console.measure(table, options=unbounded).maximum <= console.width:
            break
    dropped = [column.title for column in everything if column not in layout.columns]
    return table, ([] if layout.repeat else ["repeat"]) + dropped


def _table(comparison: Comparison, lines: Sequence[Row], layout: Layout) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column("engine", no_wrap=True)
    settings = _settings(comparison.usual, lines, layout)
    for title in settings:
        many = title == SETTINGS and layout.letters < inf
        table.add_column(
            title,
            justify="left" if title == SETTINGS else "right",
            no_wrap=not many,
            max_width=int(layout.letters) if many else None,
        )
    for title in ("repeat",) * layout.repeat + ("ratio\n(pairs)",):
        table.add_column(title, justify="right")
    for column in layout.columns:
        table.add_column(_header(column), justify="right")
    engines = _engines(comparison.usual, lines, layout)
    for number, (row, end) in enumerate(zip(lines, _ends(lines), strict=True)):
        said = [engines[number], *(column[number] for column in settings.values())]
        table.add_row(
            *map(Text, (*said, *_texts(row, layout, comparison))),
            style="" if row.counts else "yellow",
            end_section=end,
        )
    return table


def _engines(usual: Usual, lines: Sequence[Row], layout: Layout) -> list[str]:
    """The engines' names, and beneath them the settings that have no columns."""
    names = _cut([row.arm for row in lines], layout.letters)
    if layout.apart:
        return names
    beneath = _cut([usual.words(row.condition) for row in lines], layout.letters)
    return ["\n".join(filter(None, both)) for both in zip(names, beneath, strict=True)]


def _settings(usual: Usual, lines: Sequence[Row], layout: Layout) -> dict[str, list[str]]:
    """The columns of settings: those that each have one, and what is unusual beside them."""
    if not layout.apart:
        return {}
    found = {
        usual.titles[key]: _cut([shown(dict(row.condition)[key]) for row in lines], layout.letters)
        for key in usual.columns
    }
    besides = [usual.besides(row.condition) for row in lines]
    return found | ({SETTINGS: _cut(besides, LINES * layout.letters)} if usual.common else {})


def _cut(labels: Sequence[str], letters: float) -> list[str]:
    whole = [printable(label) for label in labels]
    longest = max(map(len, whole), default=0)
    within = cut(whole, int(min(letters, 2 * longest)))
    return [within[label] for label in whole]


def _ends(lines: Sequence[Row]) -> list[bool]:
    """After which rows a gap is due: around several of one condition, not between single ones."""
    sizes = [len([*same]) for _, same in groupby(lines, key=lambda row: row.condition)]
    following = (*sizes[1:], 2)
    return [
        number == size and max(size, after) > 1
        for size, after in zip(sizes, following, strict=True)
        for number in range(1, size + 1)
    ]


def _header(column: Column) -> str:
    """Title and unit on lines of their own, parted where their words or figures are."""
    unit = column.unit.replace(" / ", " /\n")
    return f"{column.title}\n{unit}" if unit else column.title.replace(" ", "\n")


def _texts(row: Row, layout: Layout, comparison: Comparison) -> list[str]:
    figures = [row.figures(column) + _sign(row, column) for column in layout.columns]
    return [row.repeats] * layout.repeat + [_against(row, comparison.baseline), *figures]


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
    return f"{times(against.ratio.mean)} ({against.ratio.paired}){mark}{within}"
