"""What is copied from the page equals `comparison.json`."""

import csv
import html
import io
import json
import re
from pathlib import Path

from pipeline.compare.comparison import assemble
from pipeline.compare.report.export import as_markdown
from pipeline.compare.report.rows import figures, measured, rows
from pipeline.metrics.tables import COLUMNS


def copied(report: Path, name: str) -> str:
    found = re.search(rf'<pre id="{name}"[^>]*>(.*?)</pre>', report.read_text(), re.DOTALL)
    assert found
    return html.unescape(found[1])


def test_the_csv_has_every_digit_of_the_numbers_for_machines(report: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(copied(report, "csv"))))
    expected = json.loads(report.with_name("comparison.json").read_text())["rows"]
    assert len(lines) == len(expected) == 12
    for line, row in zip(lines, expected, strict=True):
        assert (line["engine"], line["verdict"]) == (row["arm"], row["verdict"])
        for metric, number in row["mean"].items():
            assert line[metric] == ("" if number is None else str(number))
        ratio = row["ratio"]
        assert line["ratio"] == ("" if ratio is None else str(ratio["mean"]))
        for key, value in row["condition"].items():
            assert line[key] == str(value)


def test_the_markdown_rounds_the_same_numbers(report: Path) -> None:
    header, _, *lines = copied(report, "markdown").strip().splitlines()
    expected = json.loads(report.with_name("comparison.json").read_text())["rows"]
    titles = [cell.strip() for cell in header.strip("|").split(" | ")]
    at = titles.index("output tokens/s")
    for line, row in zip(lines, expected, strict=True):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == len(titles)
        assert cells[at] == figures(COLUMNS[0], row["mean"].get)
        ratio = row["ratio"]
        if ratio and row["verdict"] == "VALID":
            said = f"{ratio['mean']:.2f}"
            assert cells[at + 1] == f"{said}, {ratio['verdict']}"  # one repeat


def test_a_bar_in_a_name_does_not_part_a_cell(sweep: Path) -> None:
    comparison = assemble([sweep])
    lines = rows(comparison)
    object.__setattr__(lines[0], "arm", "a|b")
    text = as_markdown(lines, comparison.columns, measured(lines))
    assert "| a\\|b |" in text
