"""`python -m pipeline.compare.quality SWEEP`: what arms cost in quality, beside what they bring."""

import sys
from collections.abc import Sequence
from statistics import fmean

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.compare.comparison import Comparison, assemble
from pipeline.compare.numbers import MISSING, significant
from pipeline.errors import UsageError
from pipeline.metrics.definitions import known
from pipeline.metrics.quality import NAMES
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command

FIGURES = (
    *("output_tokens_per_s", "ttft_s/p50", "model_bytes", "peak_rss_bytes"),
    *("mean_kl", "token_agreement", *NAMES),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line an arm; returns the exit code."""
    parser = Arguments(prog="python -m pipeline.compare.quality", description=__doc__)
    parser.add_argument("sources", metavar="SWEEP", nargs="+", help="as of pipeline.compare")
    chosen = parser.parse_args(arguments)
    try:
        comparison = assemble(chosen.sources)
        if all(run.number(NAMES[-1]) is None for run in comparison.runs):
            raise UsageError("no run was judged by questions; run it with quality.path=…")
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    console = Console()
    console.print(_table(comparison))
    for run in comparison.left_out:
        console.print(Text(f"{run.verdict}  {run.arm}: {run.why}"), soft_wrap=True)
    return 0


def _table(comparison: Comparison) -> Table:
    table = Table("engine")
    for metric in FIGURES:
        own = known(metric)
        table.add_column(", ".join(filter(None, (own.heading, own.shown))), justify="right")
    for arm in comparison.arms:
        values = (_mean(comparison, arm, metric) for metric in FIGURES)
        table.add_row(Text(arm), *(MISSING if v is None else significant(v) for v in values))
    return table


def _mean(comparison: Comparison, arm: str, metric: str) -> float | None:
    """In the unit of its column; None where the arm has no such figure under a condition."""
    found = comparison.means(arm, metric)
    return known(metric).scale * fmean(found) if found else None


if __name__ == "__main__":
    command(main)
