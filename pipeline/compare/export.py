"""The table of figures as text to paste: Markdown as it is shown, CSV with every digit."""

import csv
import io
from collections.abc import Sequence

from pipeline.compare.columns import COLUMNS, DASH, MISSING, Column, times
from pipeline.compare.rows import Row
from pipeline.compare.settings import short
from pipeline.compare.verdict import Verdict


def as_markdown(rows: Sequence[Row], settings: Sequence[str], columns: Sequence[Column]) -> str:
    """A Markdown table of what counts and what doesn't, rounded as on the page."""
    titles = [f"{each.title}, {each.unit}" if each.unit else each.title for each in columns]
    header = ["engine", *map(short, settings), "repeats", *titles[:1], "ratio", *titles[1:]]
    lines = [header, ["---", *("---:" for _ in header[1:])]]
    for row in rows:
        figures = [column.text(row.number) for column in columns]
        head = [row.arm, *row.settings(), row.repeats or MISSING]
        lines.append([*head, *figures[:1], _ratio(row), *figures[1:]])
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines) + "\n"


def as_csv(
    rows: Sequence[Row], settings: Sequence[str], columns: Sequence[Column] = COLUMNS
) -> str:
    """One line a row of `comparison.json`, its numbers to the last digit; empty where missing."""
    metrics = [metric for column in columns for metric in column.metrics]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    judged = ("found", "would_have_shown", "unlike")
    ratio = ("ratio", "ratio_low", "ratio_high", "pairs", "undivided", *judged)
    writer.writerow(["engine", *settings, "verdict", "repeats", *ratio, *metrics])
    for row in rows:
        found = _found(row.against_baseline) if row.against_baseline else [None] * len(ratio)
        repeats = " ".join(str(run.repeat) for run in row.runs if run.repeat is not None)
        values = [value for _, value in row.condition]
        numbers = [row.number(metric) for metric in metrics]
        writer.writerow([row.arm, *values, row.verdict, repeats, *found, *numbers])
    return buffer.getvalue()


def _found(verdict: Verdict) -> list[float | str | None]:
    low, high = verdict.ratio.interval or (None, None)
    known = [verdict.ratio.mean, low, high, verdict.ratio.pairs, verdict.ratio.undivided]
    return [*known, verdict.word, verdict.within, "; ".join(verdict.ratio.unlike) or None]


def _ratio(row: Row) -> str:
    if not row.counts:
        return row.verdict
    verdict = row.against_baseline
    if verdict is None:
        return MISSING
    ratio, doubt = verdict.ratio, "" if verdict.differs else f", {verdict.wording}"
    ends = ratio.interval and f" ({DASH.join(map(times, ratio.interval))})"
    return f"{times(ratio.mean)}{ends or ''}{doubt}{''.join(f' ≠ {each}' for each in ratio.unlike)}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
