"""How numbers, and the names of what they measure, are written."""

from collections.abc import Iterable
from math import floor, log10

from pipeline.machine.kernel_file import format_list

TINY = 1e-6
MANY = 1_000_000
"""From where on, as down to where, the size of a ratio says nothing any more."""

DASH = "\u2013"
TIMES = "\u00d7"
MISSING = DASH

RATE = "_per_s"


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


def times(value: float) -> str:
    """A ratio as text without an exponent: 1.27, and 0.00412 or 104, where two decimals fail."""
    if value >= MANY:
        return f">{MANY}"
    return f"{value:.2f}" if 0.1 <= value < 100 else significant(value)


def plain(value: float) -> str:
    """A number of an axis without an exponent: 0.05, 250, 25 k, 1.5 M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.4g}\u00a0{letter}"
    return f"{value:.6f}".rstrip("0").rstrip(".") or "0"


def duration(seconds: float) -> str:
    """A time in the unit that suits it: 20 µs, 3 ms, 1.5 s."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size * 0.9999:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.1g} s"


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers as text, neighbours as their first and last."""
    return format_list(numbers).replace("-", DASH).replace(",", ", ")


def words(metric: str) -> str:
    """A metric as a phrase: `output_tokens_per_s` → output tokens per second."""
    if not metric.endswith(RATE):
        return metric
    return f"{metric.removesuffix(RATE).replace('_', ' ')} per second"
