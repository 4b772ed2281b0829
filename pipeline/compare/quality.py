"""`python -m pipeline.compare.quality SWEEP`: what arms cost in quality, beside what they bring."""

import sys
from collections.abc import Sequence
from statistics import fmean

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.compare.comparison import Comparison, assemble
from pipeline.compare.numbers import MISSING, significant
from pipeline.compare.run import Run
from pipeline.errors import UsageError
from pipeline.metrics.definitions import known
from pipeline.metrics.price import COST
from pipeline.metrics.quality import NAMES
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command

FIGURES = (
    *("output_tokens_per_s", COST, "ttft_s/p50", "model_bytes", "peak_rss_bytes"),
    *("mean_kl", "token_agreement", *NAMES),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line an arm, and one a run that doesn't count; returns the exit code."""
    parser = Arguments(prog="python -m pipeline.compare.quality", description=__doc__)
    parser.add_argument("sources", metavar="SWEEP", nargs="+", help="as of pipeline.compare")
    chosen = parser.parse_args(arguments)
    try:
        comparison = assemble(chosen.sources)
        if not _measured(comparison, NAMES[-1]):
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
    figures = [each for each in FIGURES if each != COST or _measured(comparison, COST)]
    table = Table("engine")
    for metric in figures:
        own = known(metric)
        table.add_column(", ".join(filter(None, (own.heading, own.shown))), justify="right")
    for arm in comparison.arms:
        means = (_mean(comparison, arm, metric) for metric in figures)
        table.add_row(Text(arm), *map(_shown, figures, means))
    for run in _doubted(comparison):
        numbers = map(run.number, figures)
        table.add_row(Text(f"{run.arm} ({run.verdict})"), *map(_shown, figures, numbers))
    return table


def _measured(comparison: Comparison, metric: str) -> bool:
    """Whether any run has it."""
    return any(run.number(metric) is not None for run in comparison.runs)


def _doubted(comparison: Comparison) -> list[Run]:
    """Runs that answered the questions and don't count: what costs too much is among them."""
    return [run for run in comparison.left_out if run.number(NAMES[-1]) is not None]


def _mean(comparison: Comparison, arm: str, metric: str) -> float | None:
    """None where the arm has no such figure under a condition."""
    found = comparison.means(arm, metric)
    return fmean(found) if found else None


def _shown(metric: str, value: float | None) -> str:
    """In the unit of its column."""
    return MISSING if value is None else significant(known(metric).scale * value)


if __name__ == "__main__":
    command(main)
