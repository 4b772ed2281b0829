"""Command line: `python -m pipeline.compare SOURCE [SOURCE…]`.

Exit codes: 0 compared, and no `--fail-if` holds; 1 one holds; 2 the request itself was wrong, or a
`--fail-if` can't be evaluated.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from pipeline.compare.comparison import HEADLINE_METRIC, assemble
from pipeline.compare.gate import Condition, Finding, evaluate
from pipeline.compare.naming import BY
from pipeline.compare.report.cautions import print_cautions
from pipeline.compare.report.page import write
from pipeline.compare.report.table import print_table
from pipeline.errors import UsageError
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, say where the page is and what fails; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    console = Console()
    try:
        conditions = [Condition.parse(text) for text in chosen.fail_if]
        comparison = assemble(
            chosen.sources, chosen.out, chosen.baseline, chosen.metric, chosen.axis, chosen.by
        )
        write(comparison)
        print_table(comparison, console)
        print_cautions(comparison, console)
        findings = evaluate(conditions, comparison)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        place = "--out FILE.html names another place"
        print(f"{error.filename}: can't be written ({error.strerror}); {place}", file=sys.stderr)
        return 2
    return _judge(findings, console)


def _judge(findings: Sequence[Finding], console: Console) -> int:
    for finding in findings:
        style = "bold red" if finding.holds else "green"
        console.print(Text(finding.said, style=style), soft_wrap=True)
    return int(any(finding.holds for finding in findings))


def _parser() -> Arguments:
    parser = Arguments(
        prog="python -m pipeline.compare",
        description="Put runs side by side: a table here, a page and comparison.json on disk.",
    )
    parser.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help="a sweep, a run, a folder of them, or mlflow:[EXPERIMENT?]FILTER",
    )
    parser.add_argument(
        "--baseline", metavar="ARM", help="the engine, or arm, that ratios refer to (the first)"
    )
    parser.add_argument(
        "--metric",
        default=HEADLINE_METRIC,
        help="what ratios are of, such as ttft_s/p99 (%(default)s)",
    )
    parser.add_argument(
        "--axis", metavar="SETTING", help="what plots run along, such as workload.alpha"
    )
    parser.add_argument(
        "--by",
        choices=BY,
        action="append",
        default=[],
        help="a circumstance that is what is compared: it names the arms, and only machines that "
        "are compared are paired with one another; may be repeated",
    )
    parser.add_argument(
        "--fail-if",
        metavar="CONDITION",
        action="append",
        default=[],
        help="exit with 1 if it holds: 'ratio(ARM/ARM, METRIC) < 1.0', 'ARM.METRIC < 0.99'; "
        "ratio_low and ratio_high are the ends of the 95 %% interval; may be repeated",
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="the page (report.html in SOURCE)")
    return parser


if __name__ == "__main__":
    command(main)
