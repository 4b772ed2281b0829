"""The columns of figures: which metrics, in which unit, and what they mean."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, log10

Numbers = Callable[[str], float | None]
"""Looks a metric up, of a run or of a cell."""

TINY = 1e-6

DASH = "\u2013"
TIMES = "\u00d7"
MISSING = DASH


@dataclass(frozen=True)
class Column:
    """One column of figures.

    Attributes:
        title: what stands above it.
        unit: what stands below the title: percentiles and unit, unless the title says them.
        metrics: one, or the percentiles that share the column.
        meaning: one sentence, shown on hover.
        scale: from the metric's unit to the column's.
        keep: the lower, the sooner it gives way on a narrow terminal.
    """

    title: str
    unit: str
    metrics: tuple[str, ...]
    meaning: str
    scale: float = 1.0
    keep: int = 0

    def text(self, number: Numbers) -> str:
        """The figures, those of one column parted by a slash."""
        values = [number(metric) for metric in self.metrics]
        if all(value is None for value in values):
            return MISSING
        return " / ".join(MISSING if v is None else significant(v * self.scale) for v in values)


def significant(value: float) -> str:
    """Three significant digits, never an exponent: 0.0123, 1.23, 12.3, 1234; 14 for a count.

    What six decimals can't show is called tiny rather than zero.
    """
    if value == int(value):
        return str(int(value))
    if abs(value) < TINY:
        return f"<{TINY:.6f}" if value > 0 else f">{-TINY:.6f}"
    decimals = 2 - floor(log10(abs(float(f"{value:.3g}"))))
    return f"{value:.{min(max(decimals, 0), 6)}f}"


COLUMNS = (
    Column(
        "output tokens/s",
        "",
        ("output_tokens_per_s",),
        "Generated tokens ÷ measured wall time, prefill included; mean of the repeats.",
        keep=11,
    ),
    Column(
        "agree",
        "%",
        ("token_agreement",),
        "Fidelity: share of positions at which the engine finds the same token the most probable "
        "as the reference does (by default merged fp32), both given the reference's tokens so far.",
        scale=100,
        keep=10,
    ),
    Column(
        "mean KL",
        "nats",
        ("mean_kl",),
        "Fidelity: Kullback-Leibler divergence of the engine's token probabilities from the "
        "reference's, mean over the same positions; 0 where they are equal.",
        keep=9,
    ),
    Column(
        "sequences/s",
        "",
        ("sequences_per_s",),
        "Requests finished without error ÷ measured wall time.",
        keep=1,
    ),
    Column(
        "s/iteration",
        "",
        ("latency_per_iteration_s",),
        "Wall time of one closed batch, mean over iterations. ⚠ marks a coefficient of variation "
        "of 10 % or more between iterations.",
        keep=6,
    ),
    Column(
        "capacity",
        "low / found / high, 1/s",
        ("capacity_rps/low", "capacity_rps", "capacity_rps/high"),
        "Highest rate of arrivals at which enough requests keep every limit, between the highest "
        "rate that kept them and the lowest that missed them.",
        keep=10,
    ),
    Column(
        "TTFT",
        "p50 / p90, ms",
        ("ttft_s/p50", "ttft_s/p90"),
        "Time to first token: from the scheduled arrival to the first output token. "
        "A percentile is missing where too few requests carry it.",
        scale=1e3,
        keep=5,
    ),
    Column(
        "TPOT",
        "p50 / p90, ms",
        ("tpot_s/p50", "tpot_s/p90"),
        "Time per output token after the first, per request: (finished - first token) ÷ (n - 1).",
        scale=1e3,
        keep=4,
    ),
    Column(
        "ITL",
        "p50, ms",
        ("itl_s/p50",),
        "Inter-token latency: every gap between neighbouring tokens, pooled over requests.",
        scale=1e3,
        keep=2,
    ),
    Column(
        "weights",
        "MB",
        ("model_bytes",),
        "Size of the base model's weights as the engine serves them: resident weights, or the "
        "file for GGUF.",
        scale=1e-6,
        keep=8,
    ),
    Column(
        "peak memory",
        "MB",
        ("peak_rss_bytes",),
        "Highest resident memory of the engine's process, load included.",
        scale=1e-6,
        keep=7,
    ),
    Column(
        "adapter switches",
        "",
        ("adapter_switches",),
        "Changes of the active adapter during the measured time.",
        keep=3,
    ),
    Column(
        "hit rate",
        "",
        ("adapter_hit_rate",),
        "Share of requests whose adapter was already resident when they were admitted.",
        keep=0,
    ),
)
"""In the order they are shown; one that no run has a figure for is left out."""
