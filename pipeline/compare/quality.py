"""`python -m pipeline.compare.quality SWEEP`: what arms cost in quality, beside what they bring.

Speed, memory and fidelity are the runs' own figures. Right are answers that are, to the letter,
those of a file of questions, as `+experiment=quality` asks them.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.compare.comparison import Comparison, assemble
from pipeline.compare.numbers import MISSING, significant
from pipeline.errors import Unreadable, UsageError
from pipeline.files.documents import read_jsonl, reading
from pipeline.metrics.definitions import known
from pipeline.places import ASSETS
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command
from pipeline.tracking.run_directory import RunDirectory

QUESTIONS = ASSETS / "smollm2" / "questions.jsonl"
FIGURES = (
    *("output_tokens_per_s", "ttft_s/p50", "model_bytes", "peak_rss_bytes"),
    *("mean_kl", "token_agreement"),
)
RIGHT = "right, %"

Answers = Mapping[str | None, Mapping[str, str]]
"""By adapter, then by question."""


def answers_of(path: Path) -> Answers:
    """What a file of conversations has for answers, each the last turn of its row.

    Raises:
        Unreadable: it isn't such a file.
    """
    found: dict[str | None, dict[str, str]] = {}
    rows = read_jsonl(path)
    with reading(path):
        for row in rows:
            *_, asked, answered = [each["content"] for each in row["messages"]]
            found.setdefault(row.get("adapter"), {})[asked] = answered
    return found


def marks(run: RunDirectory, answers: Answers) -> Iterator[bool]:
    """Whether each answer is right, of the run's requests that ask one of the questions.

    Raises:
        Unreadable: the run's rows or its trace are damaged.
    """
    prompts = {row["id"]: row["prompt"] for row in read_jsonl(run.trace)}
    for request in run.measured():
        known_ones, prompt = answers.get(request.adapter, {}), prompts[request.id]
        asked = max((each for each in known_ones if each in prompt), key=len, default=None)
        if asked is not None:
            yield not request.error and (request.text or "").strip() == known_ones[asked].strip()


def scores(comparison: Comparison, answers: Answers) -> dict[str, float]:
    """Share of right answers of each arm that was asked, over all its runs that count."""
    found = {
        arm: [
            mark
            for run in comparison.of(arm)
            if run.counts
            for mark in marks(RunDirectory(run.path), answers)
        ]
        for arm in comparison.arms
    }
    return {arm: fmean(own) for arm, own in found.items() if own}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line an arm; returns the exit code."""
    parser = Arguments(
        prog="python -m pipeline.compare.quality", description=__doc__.splitlines()[0]
    )
    parser.add_argument("sources", metavar="SWEEP", nargs="+", help="as of pipeline.compare")
    parser.add_argument(
        "--questions", type=Path, default=QUESTIONS, help="JSONL with answers (%(default)s)"
    )
    chosen = parser.parse_args(arguments)
    try:
        comparison = assemble(chosen.sources)
        found = scores(comparison, answers_of(chosen.questions))
        if not found:
            raise UsageError(f"no run asked a question of {chosen.questions}; name its own file")
    except (UsageError, Unreadable) as error:
        print(error, file=sys.stderr)
        return 2
    Console().print(_table(comparison, found))
    return 0


def _table(comparison: Comparison, found: Mapping[str, float]) -> Table:
    table = Table("engine")
    for metric in FIGURES:
        own = known(metric)
        table.add_column(", ".join(filter(None, (own.heading, own.shown))), justify="right")
    table.add_column(RIGHT, justify="right")
    for arm in comparison.arms:
        right = significant(100 * found[arm]) if arm in found else MISSING
        table.add_row(Text(arm), *(_mean(comparison, arm, metric) for metric in FIGURES), right)
    return table


def _mean(comparison: Comparison, arm: str, metric: str) -> str:
    values = [cell.mean(metric) for cell in comparison.cells if cell.arm == arm]
    there = [value for value in values if value is not None]
    if not there or len(there) < len(values):
        return MISSING
    return significant(known(metric).scale * fmean(there))


if __name__ == "__main__":
    command(main)
