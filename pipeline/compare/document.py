"""`comparison.json`: the numbers of the page, for machines."""

from dataclasses import asdict
from typing import Any

from pipeline.compare.columns import COLUMNS
from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.headline import headline
from pipeline.compare.ratios import Ratio
from pipeline.compare.rows import Row, rows
from pipeline.compare.run import Run


def document(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison as plain values."""
    return {
        "headline": headline(comparison),
        "baseline": comparison.baseline,
        "ratio_of": HEADLINE_METRIC,
        "overall": {arm: _ratio(comparison.overall(arm)) for arm in comparison.arms[1:]},
        "rows": [_row(row) for row in rows(comparison)],
        "runs": [_run(run) for run in comparison.runs],
    }


def _ratio(ratio: Ratio | None) -> dict[str, Any] | None:
    if ratio is None:
        return None
    return asdict(ratio) | {"mean": ratio.mean, "interval": ratio.interval, "pairs": ratio.pairs}


def _row(row: Row) -> dict[str, Any]:
    return {
        "arm": row.arm,
        "condition": dict(row.condition),
        "verdict": row.verdict,
        "why": row.why,
        "runs": [str(run.path) for run in row.runs],
        "repeats": [run.repeat for run in row.runs],
        "mean": {name: row.number(name) for column in COLUMNS for name in column.metrics},
        "noisy_cv": row.variation,
        "ratio": _ratio(row.ratio),
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "path": str(run.path),
        "arm": run.arm,
        "verdict": run.verdict,
        "why": run.why,
        "trace": run.trace,
        "settings": dict(run.settings),
        "metrics": dict(run.metrics),
    }
