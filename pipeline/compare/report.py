"""The page: everything in one file, readable without a network, on any screen."""

import os
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.document import document
from pipeline.compare.headline import finding, tally
from pipeline.compare.plots.gallery import gallery
from pipeline.compare.provenance import provenance
from pipeline.compare.rows import Row, measured, rows
from pipeline.compare.settings import short
from pipeline.tracking.files import write_json, write_text


def write(comparison: Comparison) -> None:
    """Write the page and the numbers beside it."""
    write_text(comparison.report, page(comparison))
    write_json(comparison.data, document(comparison))


def page(comparison: Comparison) -> str:
    """The page as HTML; every text in it is escaped, for none of it can be trusted."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    lines = rows(comparison)
    environment.filters["short"] = short
    return environment.get_template("report.html.jinja").render(
        comparison=comparison,
        finding=finding(comparison),
        tally=tally(comparison),
        columns=measured(lines),
        rows=lines,
        plots=gallery(comparison),
        share=_share(comparison),
        facts=provenance(comparison),
        directory=lambda run: os.path.relpath(run.path, comparison.report.parent),
    )


def _share(comparison: Comparison) -> Callable[[Row], int]:
    """The length of a row's bar: its throughput in percent of the highest one."""
    most = max((cell.mean(HEADLINE_METRIC) or 0.0 for cell in comparison.cells), default=0.0)
    return lambda row: round(100 * (row.number(HEADLINE_METRIC) or 0.0) / most) if most else 0
