"""What the run cost: processor time, memory, and preparation."""

from pipeline.metrics.percentiles import Value
from pipeline.metrics.timeline import Timeline


def resources(timeline: Timeline) -> dict[str, Value]:
    """Costs of the engine's process; `load_s` and `warmup_s` are never inside the measured time."""
    return {
        "load_s": timeline.load_s,
        "warmup_s": timeline.warmup_s,
        "peak_rss_bytes": timeline.peak_rss_bytes,
        "cpu_seconds": sum(each.cpu_seconds for each in timeline.iterations),
    }
