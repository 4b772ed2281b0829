"""The comparison as JSON for machines, and its table to paste: Markdown as shown, CSV whole."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.compare.comparison import Comparison
from pipeline.compare.intervals import METHOD
from pipeline.compare.machines import Machine, labels
from pipeline.compare.numbers import DASH, MISSING, times
from pipeline.compare.ratios import Ratio
from pipeline.compare.report.cautions import cautions
from pipeline.compare.report.headline import headline
from pipeline.compare.report.rows import Row, rows
from pipeline.compare.run import Run
from pipeline.compare.settings import short
from pipeline.compare.verdict import Verdict
from pipeline.metrics.tables import COLUMNS, Column, columns_for
from pipeline.metrics.until import Until


def document(comparison: Comparison) -> dict[str, Any]:
    """`comparison.json`: the whole comparison as plain values."""
    called = labels(comparison.runs)
    return {
        "headline": headline(comparison),
        "baseline": comparison.baseline,
        "ratio_of": comparison.metric,
        "axis": comparison.axis,
        "until": sorted({str(rule) for run in comparison.runs if (rule := Until.of(run.settings))}),
        "overall": {arm: _verdict(comparison.verdicts.get(arm)) for arm in comparison.arms[1:]},
        "noise": [
            {
                "arm": each.arm,
                "twin": each.twin,
                "floor": each.floor,
                "ratio": _values(each.ratio),
            }
            for each in comparison.twins
        ],
        "warnings": cautions(comparison),
        "rows": [_row(row, columns_for(comparison.metric)) for row in rows(comparison)],
        "runs": [_run(run, called) for run in comparison.runs],
    }


def _values(ratio: Ratio) -> dict[str, Any]:
    return {
        "mean": ratio.mean,
        "interval": ratio.interval,
        "method": METHOD if ratio.estimate else None,
        "pairs": ratio.pairs,
        "undivided": ratio.undivided,
        "values": ratio.values,
        "p_value": ratio.p_value,
        "unlike": ratio.unlike,
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    judged = {
        "p_value_holm": verdict.p_adjusted,
        "verdict": verdict.word,
        "would_have_shown": verdict.within,
    }
    return _values(verdict.ratio) | judged


def _row(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    return {
        "arm": row.arm,
        "condition": dict(row.condition),
        "verdict": row.verdict,
        "why": row.why,
        "runs": [str(run.path) for run in row.runs],
        "repeats": [run.repeat for run in row.runs],
        "mean": {name: row.number(name) for column in columns for name in column.metrics},
        "noisy_cv": row.variation,
        "ratio": _verdict(row.against_baseline),
    }


def _run(run: Run, called: Mapping[Machine, str]) -> dict[str, Any]:
    return {
        "path": str(run.path),
        "arm": run.arm,
        "verdict": run.verdict,
        "why": run.why,
        "machine": called[Machine.of(run)] if run.environment else None,
        "started": run.started,
        "trace": run.trace,
        "settings": dict(run.settings),
        "metrics": dict(run.metrics),
    }


def as_markdown(lines: Sequence[Row], settings: Sequence[str], columns: Sequence[Column]) -> str:
    """A Markdown table of what counts and what doesn't, rounded as on the page."""
    titles = [f"{each.title}, {each.unit}" if each.unit else each.title for each in columns]
    header = ["engine", *map(short, settings), "repeats", *titles[:1], "ratio", *titles[1:]]
    table = [header, ["---", *("---:" for _ in header[1:])]]
    for row in lines:
        figures = [row.figures(column) for column in columns]
        head = [row.arm, *row.settings(), row.repeats or MISSING]
        table.append([*head, *figures[:1], _ratio(row), *figures[1:]])
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in table) + "\n"


def as_csv(
    lines: Sequence[Row], settings: Sequence[str], columns: Sequence[Column] = COLUMNS
) -> str:
    """One line a row of `comparison.json`, its numbers to the last digit; empty where missing."""
    metrics = [metric for column in columns for metric in column.metrics]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    judged = ("found", "would_have_shown", "unlike")
    ratio = ("ratio", "ratio_low", "ratio_high", "pairs", "undivided", *judged)
    writer.writerow(["engine", *settings, "verdict", "repeats", *ratio, *metrics])
    for row in lines:
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
