"""The columns of figures: which metrics, in which unit, and what they mean."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.compare.comparison import AGREEMENT
from pipeline.compare.numbers import MISSING, significant

Numbers = Callable[[str], float | None]
"""Looks a metric up, of a run or of a cell."""


@dataclass(frozen=True)
class Column:
    """One column of figures.

    Attributes:
        title: what stands above it.
        unit: what stands below the title: percentiles and unit, unless the title says them.
        metrics: one, or the percentiles that share the column.
        note: what is to be said beyond the metric's definition.
        scale: from the metric's unit to the column's.
        keep: the lower, the sooner it gives way on a narrow terminal.
        missing: what stands for figures that nobody has.
    """

    title: str
    unit: str
    metrics: tuple[str, ...]
    note: str = ""
    scale: float = 1.0
    keep: int = 0
    missing: str = MISSING

    @property
    def meaning(self) -> str:
        """The metric's definition, and the note."""
        return " ".join(filter(None, (meaning(self.metrics[0]), self.note)))

    def text(self, number: Numbers) -> str:
        """The figures, those of one column parted by a slash."""
        values = [number(metric) for metric in self.metrics]
        if all(value is None for value in values):
            return self.missing
        return " / ".join(MISSING if v is None else significant(v * self.scale) for v in values)


def meaning(metric: str) -> str:
    """A metric's definition as a sentence, with its unit and which way is better."""
    from pipeline.metrics.definitions import definition  # it brings numpy along

    found = definition(metric)
    if found is None:
        return ""
    sense = f"{found.better} is better" if found.better else ""
    about = "; ".join(filter(None, (found.unit, sense)))
    return f"{found.meaning}{f' ({about})' if about else ''}."


PERCENTILES = "A percentile is missing where too few requests carry it."

NOT_CHECKED = "not checked"

FAITHFUL = Column(
    "faithful",
    "served / forced, %",
    AGREEMENT,
    "Then the share of positions where the most probable token is the reference's, teacher-forced. "
    "The reference is merged fp32 unless another was chosen.",
    scale=100,
    keep=12,
    missing=NOT_CHECKED,
)
"""It stands beside the speed, whatever gives way."""

COLUMNS = (
    Column("output tokens/s", "", ("output_tokens_per_s",), "Mean of the repeats.", keep=13),
    FAITHFUL,
    Column(
        "mean KL",
        "nats",
        ("mean_kl",),
        "Kullback-Leibler divergence; 0 where both are equal.",
        keep=9,
    ),
    Column("sequences/s", "", ("sequences_per_s",), keep=1),
    Column(
        "s/iteration",
        "",
        ("latency_per_iteration_s",),
        "⚠ marks a coefficient of variation of 10 % or more between iterations.",
        keep=6,
    ),
    Column(
        "capacity",
        "low / found / high, 1/s",
        ("capacity_rps/low", "capacity_rps", "capacity_rps/high"),
        "The highest rate that keeps the limits, within its interval.",
        keep=10,
    ),
    Column("TTFT", "p50 / p90, ms", ("ttft_s/p50", "ttft_s/p90"), PERCENTILES, scale=1e3, keep=5),
    Column("TPOT", "p50 / p90, ms", ("tpot_s/p50", "tpot_s/p90"), PERCENTILES, scale=1e3, keep=4),
    Column("ITL", "p50, ms", ("itl_s/p50",), scale=1e3, keep=2),
    Column("weights", "MB", ("model_bytes",), scale=1e-6, keep=8),
    Column("peak memory", "MB", ("peak_rss_bytes",), scale=1e-6, keep=7),
    Column("adapter switches", "", ("adapter_switches",), keep=3),
    Column("hit rate", "", ("adapter_hit_rate",), keep=0),
    Column("goodput", "requests/s", ("goodput_rps",), keep=7),
    Column("within limits", "%", ("slo_attainment",), scale=100, keep=7),
    Column("CPU use", "%", ("cpu_utilisation",), scale=100, keep=2),
    Column("stolen", "%", ("steal_share",), scale=100, keep=2),
    Column("roofline", "%", ("roofline_fraction",), scale=100, keep=5),
)
"""In the order they are shown; one that no run has a figure for is left out, the first two not."""

STAYING = 2
"""Columns that stay whatever was measured: the speed, and how faithful it was."""

ASKED = 14
"""How much a column matters that shows what was asked for: more than any other."""


def columns_for(metric: str) -> tuple[Column, ...]:
    """All columns, the metric that was asked for beside those that stay.

    It gets one of its own where none has it.
    """
    found = next((each for each in COLUMNS if metric in each.metrics), None)
    own = replace(found, keep=ASKED) if found else _column(metric)
    if found in COLUMNS[:STAYING]:
        return tuple(own if each is found else each for each in COLUMNS)
    return (*COLUMNS[:STAYING], own, *(each for each in COLUMNS[STAYING:] if each is not found))


def _column(metric: str) -> Column:
    """A column for a metric that has none: times in milliseconds, all else as it is."""
    from pipeline.metrics.definitions import definition

    known = definition(metric)
    unit = known.unit if known else ""
    if unit == "s":
        return Column(metric, "ms", (metric,), scale=1e3, keep=ASKED)
    return Column(metric, unit, (metric,), keep=ASKED)
