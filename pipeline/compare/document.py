"""`comparison.json`: the numbers of the page, for machines."""

from collections.abc import Sequence
from typing import Any

from pipeline.compare.cautions import cautions
from pipeline.compare.columns import Column, columns_for
from pipeline.compare.comparison import Comparison
from pipeline.compare.headline import headline
from pipeline.compare.intervals import METHOD
from pipeline.compare.ratios import Ratio
from pipeline.compare.rows import Row, rows
from pipeline.compare.run import Run
from pipeline.compare.verdict import Verdict


def document(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison as plain values."""
    return {
        "headline": headline(comparison),
        "baseline": comparison.baseline,
        "ratio_of": comparison.metric,
        "axis": comparison.axis,
        "overall": {arm: _verdict(comparison.verdicts.get(arm)) for arm in comparison.arms[1:]},
        "noise": [
            {"arm": each.arm, "twin": each.twin, "floor": each.floor, "ratio": _ratio(each.ratio)}
            for each in comparison.twins
        ],
        "warnings": cautions(comparison),
        "rows": [_row(row, columns_for(comparison.metric)) for row in rows(comparison)],
        "runs": [_run(run) for run in comparison.runs],
    }


def _ratio(ratio: Ratio) -> dict[str, Any]:
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
    return _ratio(verdict.ratio) | judged


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


def _run(run: Run) -> dict[str, Any]:
    return {
        "path": str(run.path),
        "arm": run.arm,
        "verdict": run.verdict,
        "why": run.why,
        "started": run.started,
        "trace": run.trace,
        "settings": dict(run.settings),
        "metrics": dict(run.metrics),
    }
