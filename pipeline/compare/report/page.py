"""The page: everything in one file, readable without a network, on any screen."""

import os
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.compare.comparison import HEADLINE_METRIC, Comparison
from pipeline.compare.conditions import Usual
from pipeline.compare.labels import abridged
from pipeline.compare.numbers import times, words
from pipeline.compare.plots.gallery import Section, gallery
from pipeline.compare.plots.scene import Scene
from pipeline.compare.report.cautions import cautions
from pipeline.compare.report.export import as_csv, as_markdown, document
from pipeline.compare.report.headline import lead, summed_up
from pipeline.compare.report.layout import unfolded
from pipeline.compare.report.provenance import provenance
from pipeline.compare.report.rows import Row, measured, presented, rows
from pipeline.compare.report.samples import samples
from pipeline.compare.settings import shown
from pipeline.files.documents import write_json, write_text
from pipeline.metrics.definitions import definition
from pipeline.metrics.tables import columns_for

HERE = Path(__file__).parent

LABEL = 30
"""Letters of a line of a label: longer ones take several."""


def write(comparison: Comparison) -> Path:
    """Write the page, and beside it the numbers for machines; where the page is."""
    write_text(comparison.report, page(comparison))
    write_json(comparison.data, document(comparison))
    return comparison.report


def page(comparison: Comparison) -> str:
    """The page as HTML; every text in it is escaped, for none of it can be trusted."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"meaning": _meaning, "times": times}
    lines = presented(comparison)
    columns = measured(lines, comparison.metric)
    sections = gallery(comparison)
    script = (HERE / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html.jinja").render(
        comparison=comparison,
        lead=lead(comparison),
        summed_up=summed_up(comparison),
        cautions=cautions(comparison),
        usual=comparison.usual,
        columns=columns,
        unfolded=unfolded(columns, lines, _kept(lines, comparison.usual)),
        rows=lines,
        leading=[each for each in sections if _leads(each, comparison)],
        folded=[each for each in sections if not _leads(each, comparison)],
        left_out=Scene.of(comparison).note,
        share=_share(comparison),
        markdown=as_markdown(rows(comparison), comparison.columns, columns),
        csv=as_csv(rows(comparison), comparison.columns, columns_for(comparison.metric)),
        facts=provenance(comparison),
        samples=samples(comparison),
        abridged=abridged,
        shown=shown,
        words=words,
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        directory=lambda run: os.path.relpath(run.path, comparison.report.parent),
    )


def _meaning(metric: str) -> str:
    found = definition(metric)
    return found.sentence() if found else ""


def _leads(section: Section, comparison: Comparison) -> bool:
    """Whether a plot is shown at once: of runs that have little in common, those of the result."""
    result = {HEADLINE_METRIC, comparison.metric}
    return not comparison.usual.common or not result.isdisjoint(section.plot.metrics)


def _share(comparison: Comparison) -> Callable[[Row], int]:
    """The length of a row's bar: its throughput in percent of the highest one."""
    most = max((cell.mean(HEADLINE_METRIC) or 0.0 for cell in comparison.cells), default=0.0)
    return lambda row: round(100 * (row.number(HEADLINE_METRIC) or 0.0) / most) if most else 0


def _kept(lines: Sequence[Row], usual: Usual) -> list[list[str]]:
    """Texts of the columns that are never folded away, by column."""
    names = [text[:LABEL] for row in lines for text in (row.arm, usual.besides(row.condition))]
    columns = [["engine", *names], ["repeat"]]
    for key in usual.columns:
        columns.append([usual.titles[key], *(shown(dict(row.condition)[key]) for row in lines)])
    return columns
