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
    "95 %",
    "each",
    "hits",
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
    numbers: tuple[str, ...] = (
        f"{row.mean('hit_rate'):.0%}",
        significant(row.mean("ttft_p99")),
        f"{row.mean('busiest'):.2f}×",
    )
    each = significant(row.rate / row.replicas)
    rate: tuple[str, ...] = (significant(row.rate), _interval(row), each)
    if not row.rate:
        beyond = max(found.beyond for found in row.repeats)
        rate, numbers = (f"<{significant(beyond)}", "", ""), tuple(f"({n})" for n in numbers)
    return str(row.replicas), str(row.adapters), row.routing, *rate, *numbers


def _interval(row: Scenario) -> str:
    return "" if row.interval is None else "–".join(map(significant, row.interval))
