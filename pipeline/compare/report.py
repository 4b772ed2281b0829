"""The page: everything in one file, readable without a network, on any screen."""

import os
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.compare.cautions import cautions
from pipeline.compare.columns import meaning
from pipeline.compare.comparison import HEADLINE_METRIC, Comparison, assemble
from pipeline.compare.document import document
from pipeline.compare.export import as_csv, as_markdown
from pipeline.compare.fold import unfolded
from pipeline.compare.headline import lead, summed_up, words
from pipeline.compare.plots.gallery import gallery
from pipeline.compare.provenance import provenance
from pipeline.compare.rows import Row, differing, measured, rows, shown
from pipeline.compare.settings import short
from pipeline.files import write_json, write_text

HERE = Path(__file__).parent


def compare(
    sources: Sequence[Path | str],
    out: Path | None = None,
    baseline: str | None = None,
    metric: str = HEADLINE_METRIC,
    axis: str | None = None,
    by: Sequence[str] = (),
) -> Comparison:
    """Compare the runs as `assemble` does, and write the page and the numbers beside it."""
    comparison = assemble(sources, out, baseline, metric, axis, by)
    write_text(comparison.report, page(comparison))
    write_json(comparison.data, document(comparison))
    return comparison


def page(comparison: Comparison) -> str:
    """The page as HTML; every text in it is escaped, for none of it can be trusted."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"short": short, "meaning": meaning}
    lines = rows(comparison)
    columns = measured(lines)
    settings = differing([row.condition for row in lines])
    script = (HERE / "report.js").read_text(encoding="utf-8")
    return environment.get_template("report.html.jinja").render(
        comparison=comparison,
        lead=lead(comparison),
        summed_up=summed_up(comparison),
        cautions=cautions(comparison),
        throughout=_throughout(lines, settings),
        settings=settings,
        columns=columns,
        unfolded=unfolded(columns, lines, _kept(lines, settings)),
        rows=lines,
        sections=gallery(comparison),
        share=_share(comparison),
        markdown=as_markdown(lines, comparison.columns, columns),
        csv=as_csv(lines, comparison.columns),
        facts=provenance(comparison),
        shown=shown,
        words=words,
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        directory=lambda run: os.path.relpath(run.path, comparison.report.parent),
    )


def _share(comparison: Comparison) -> Callable[[Row], int]:
    """The length of a row's bar: its throughput in percent of the highest one."""
    most = max((cell.mean(HEADLINE_METRIC) or 0.0 for cell in comparison.cells), default=0.0)
    return lambda row: round(100 * (row.number(HEADLINE_METRIC) or 0.0) / most) if most else 0


def _throughout(lines: Sequence[Row], settings: Sequence[str]) -> str:
    """What is the same in every row, and so needs no column."""
    same = ((key, value) for key, value in lines[0].condition if key not in settings)
    return ", ".join(f"{short(key)} {shown(value)}" for key, value in same)


def _kept(lines: Sequence[Row], settings: Sequence[str]) -> list[list[str]]:
    """Texts of the columns that are never folded away, by column."""
    columns = [["engine", *(row.arm for row in lines)], ["repeat"]]
    for key in settings:
        columns.append([short(key), *(shown(dict(row.condition)[key]) for row in lines)])
    return columns
