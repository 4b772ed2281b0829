"""The rows of a simulation in a terminal."""

from rich import box
from rich.table import Table

from pipeline.compare.numbers import significant
from pipeline.simulate.scenario import Scenario

HEADINGS = (
    "replicas",
    "adapters",
    "routing",
    "req/s",
    "each",
    "hits",
    "TTFT\np50, s",
    "TTFT\np99, s",
    "busiest",
)


def table() -> Table:
    """Headings alone."""
    made = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading in HEADINGS:
        made.add_column(heading, justify="left" if heading == "routing" else "right", no_wrap=True)
    return made


def cells(row: Scenario) -> tuple[str, ...]:
    """Of a row; what was found at a rate that kept no limit stands in brackets."""
    found, at = row.capacity, row.capacity.figures
    numbers: tuple[str, ...] = (
        f"{at.hit_rate:.0%}",
        significant(at.ttft_p50),
        significant(at.ttft_p99),
        f"{at.busiest:.2f}×",
    )
    rate: tuple[str, ...] = (significant(found.rate), significant(found.rate / row.replicas))
    if not found.rate:
        rate, numbers = (f"<{significant(found.beyond)}", ""), tuple(f"({n})" for n in numbers)
    return str(row.replicas), str(row.adapters), row.routing, *rate, *numbers
