"""What `perf stat -x,` writes, and the rates that follow from it."""

import csv
import math
from collections.abc import Mapping

LINE_BYTES = 64
"""A cache line of x86-64 and of most 64-bit Arm processors."""


def parse(text: str) -> dict[str, float | None]:
    """Counts by event; None where perf says `<not supported>` or `<not counted>`.

    A line is `value,unit,event,…`; an event may carry a modifier (`cycles:u`) when perf may count
    user space only. Comments and anything else are skipped. Where a processor has two kinds of
    cores, an event comes once for each (`cpu_core/cycles/`), and their counts are added up.
    """
    found: dict[str, float | None] = {}
    for row in csv.reader(line for line in text.splitlines() if not line.startswith("#")):
        if len(row) < 3 or not row[2]:
            continue
        event = _name(row[2])
        value, before = _count(row[0]), found.get(event)
        found[event] = value if before is None else before + (value or 0.0)
    return found


def rates(counts: Mapping[str, float | None], seconds: float) -> dict[str, float]:
    """Figures of the hardware counters that were there, none of which needs explaining away.

    `ipc` is instructions ÷ cycles. `miss_bytes_per_s` is cache misses × 64 bytes ÷ wall time: an
    estimate of the traffic behind the cache that the processor means by `cache-misses`, without
    what its prefetchers fetched.
    """
    had = {event: value for event, value in counts.items() if value is not None}
    found = {
        event.replace("-", "_"): had[event]
        for event in ("instructions", "cycles", "cache-references", "cache-misses")
        if event in had
    }
    if had.get("cycles") and "instructions" in had:
        found["ipc"] = had["instructions"] / had["cycles"]
    if "cache-misses" in had and seconds > 0:
        found["miss_bytes_per_s"] = had["cache-misses"] * LINE_BYTES / seconds
    return found


def _name(event: str) -> str:
    """`cycles` of `cycles:u` and of `cpu_core/cycles/u`."""
    return event.split("/")[1] if event.count("/") == 2 else event.partition(":")[0]


def _count(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
