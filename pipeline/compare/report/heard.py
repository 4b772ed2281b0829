"""What the adapters said, in a terminal: a line for every different answer."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.compare.comparison import Comparison
from pipeline.compare.report.samples import samples


def print_samples(comparison: Comparison, console: Console) -> None:
    """Print a question to each adapter and the answers, each as far as there is room for it."""
    found = samples(comparison)
    if found is None:
        return
    table = Table(box=None, pad_edge=False, expand=True)
    for title, ratio in (("adapter", None), ("asked", 3), ("answered", 4), ("by", 2)):
        table.add_column(title, no_wrap=True, overflow="ellipsis", max_width=16, ratio=ratio)
    for each in found.samples:
        head = each.adapter or "base model", each.prompt
        for answer, arms in each.answers.items():
            by = "all" if len(arms) == len(found.arms) > 1 else ", ".join(arms)
            table.add_row(*map(Text, (*head, answer, by)))
            head = "", ""
    console.print(table)
