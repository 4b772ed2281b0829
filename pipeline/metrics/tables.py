"""Where metrics stand: a run's summary, a sweep's lines, a comparison's columns, MLflow's view.

How each is called, and in which unit it is shown, is in `definitions`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.metrics.definitions import definition, known

SUMMARY = (
    "output_tokens_per_s",
    "mean_kl",
    "perplexity",
    "task_score",
    "decode_tokens_per_s",
    "prefill_tokens_per_s",
    "sequences_per_s",
    "latency_per_iteration_s",
    "adapter_switches",
    "adapter_loads",
    "adapter_hit_rate",
    "prefix_cache_hit_rate",
    "preemptions",
    "run_in_requests",
    "run_in_s",
    "load_s",
    "warmup_s",
    "model_bytes",
    "peak_rss_bytes",
    "cpu_seconds",
    "client_cpu_seconds",
    "cpu_utilisation",
    "steal_share",
    "load_average",
    "roofline_fraction",
    "prefill_roofline_fraction",
    "goodput_rps",
    "slo_attainment",
    "cost_per_million_tokens",
    "capacity_rps",
    "capacity_rps/low",
    "capacity_rps/high",
    "capacity_attainment",
)
"""What the terminal says of a run, a line each."""

LATENCIES = ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s")
"""And beneath it, with their percentiles."""

JOB_LINE = {
    "output_tokens_per_s": "tokens/s",
    "capacity_rps": "requests/s at most",
    "ttft_s/p50": "ms to the first token",
    "served_agreement": "% faithful",
}
"""What it says of each job of a sweep, those that most people ask for first, and their words."""

MLFLOW: Mapping[str, int] = {
    "output_tokens_per_s": 120,
    "ttft_s/p50": 90,
    "tpot_s/p50": 90,
    "token_agreement": 120,
}
"""Columns of MLflow's tables of runs: pixels of their width."""


@dataclass(frozen=True)
class Column:
    """One column of figures in a comparison.

    Attributes:
        title: what stands above it.
        unit: what stands below the title: percentiles and unit, unless the title says them.
        metrics: one, or the percentiles that share the column.
        note: what is to be said beyond the metric's definition.
        scale: from the metric's unit to the column's.
        keep: the lower, the sooner it gives way on a narrow terminal.
        missing: what stands for figures that nobody has; None for the usual sign.
    """

    title: str
    unit: str
    metrics: tuple[str, ...]
    note: str = ""
    scale: float = 1.0
    keep: int = 0
    missing: str | None = None

    @property
    def meaning(self) -> str:
        """The metric's definition, and the note."""
        found = definition(self.metrics[0])
        return " ".join(filter(None, (found.sentence() if found else "", self.note)))


def _column(
    keep: int,
    *metrics: str,
    of: str = "",
    said: str = "",
    note: str = "",
    missing: str | None = None,
) -> Column:
    """A column of metrics, called and scaled as the first of them, or as `of`.

    Args:
        keep: as in `Column`.
        metrics: as in `Column`.
        of: the metric whose name and unit it has.
        said: what tells several metrics apart.
        note: as in `Column`.
        missing: as in `Column`.
    """
    own = known(of or metrics[0])
    unit = ", ".join(filter(None, (said, own.shown)))
    return Column(own.heading, unit, metrics, note, own.scale, keep, missing)


NOT_CHECKED = "not checked"

PERCENTILES = "A percentile is missing where too few requests carry it."

FAITHFUL = _column(
    12,
    "served_agreement",
    "token_agreement",
    said="served / forced",
    note="Then the share of positions where the most probable token is the reference's, "
    "teacher-forced. The reference is merged fp32 unless another was chosen.",
    missing=NOT_CHECKED,
)
"""It stands beside the speed, whatever gives way."""

COLUMNS = (
    _column(13, "output_tokens_per_s", note="Mean of the repeats."),
    FAITHFUL,
    _column(9, "mean_kl", note="Kullback-Leibler divergence; 0 where both are equal."),
    _column(9, "perplexity"),
    _column(10, "task_score"),
    _column(6, "decode_tokens_per_s", note="After the first token of each request."),
    _column(5, "prefill_tokens_per_s"),
    _column(1, "sequences_per_s"),
    _column(
        6,
        "latency_per_iteration_s",
        note="⚠ marks a coefficient of variation of 10 % or more between iterations.",
    ),
    _column(
        10,
        *("capacity_rps/low", "capacity_rps", "capacity_rps/high"),
        of="capacity_rps",
        said="low / found / high",
        note="The highest rate that keeps the limits, within its interval.",
    ),
    _column(5, "ttft_s/p50", "ttft_s/p90", said="p50 / p90", note=PERCENTILES),
    _column(4, "tpot_s/p50", "tpot_s/p90", said="p50 / p90", note=PERCENTILES),
    _column(2, "itl_s/p50", said="p50"),
    _column(8, "model_bytes"),
    _column(7, "peak_rss_bytes"),
    _column(3, "adapter_switches"),
    _column(0, "adapter_hit_rate"),
    _column(8, "prefix_cache_hit_rate"),
    _column(9, "cost_per_million_tokens"),
    _column(7, "goodput_rps"),
    _column(7, "slo_attainment"),
    _column(2, "wall_s"),
    _column(3, "cpu_seconds", note="Stands beside the measured wall time."),
    _column(3, "client_cpu_seconds", note="A part of that before."),
    _column(2, "cpu_utilisation"),
    _column(2, "steal_share"),
    _column(5, "roofline_fraction"),
    _column(8, "prefill_roofline_fraction"),
)
"""In the order they are shown; one that no run has a figure for is left out, the first two not."""

STAYING = 2
"""Columns that stay whatever was measured: the speed, and how faithful it was."""

ASKED = 14
"""How much a column matters that shows what was asked for: more than any other."""


def columns_for(metric: str) -> tuple[Column, ...]:
    """All columns, the metric that was asked for beside those that stay.

    It gets one of its own where none has it: times in milliseconds, all else as it is.
    """
    found = next((each for each in COLUMNS if metric in each.metrics), None)
    own = replace(found, keep=ASKED) if found else _asked(metric)
    if found in COLUMNS[:STAYING]:
        return tuple(own if each is found else each for each in COLUMNS)
    return (*COLUMNS[:STAYING], own, *(each for each in COLUMNS[STAYING:] if each is not found))


def _asked(metric: str) -> Column:
    found = definition(metric)
    unit = found.unit if found else ""
    if unit == "s":
        return Column(metric, "ms", (metric,), scale=1e3, keep=ASKED)
    return Column(metric, unit, (metric,), keep=ASKED)
