"""Record: numbers from the timeline, into the run directory."""

from collections.abc import Mapping

from pipeline.config import RunConfig
from pipeline.metrics.percentiles import Value
from pipeline.metrics.summary import summarise
from pipeline.metrics.timeline import Timeline
from pipeline.tracking.run_directory import RunDirectory


def record(
    config: RunConfig,
    timeline: Timeline,
    figures: Mapping[str, Value],
    profiles: Mapping[str, str],
    directory: RunDirectory,
) -> Mapping[str, float | str]:
    """Write `metrics.json`, and what the profilers left; the metrics.

    Args:
        config: of the run.
        timeline: what was measured.
        figures: metrics that aren't functions of the timeline.
        profiles: how to open each artifact.
        directory: where it all goes.
    """
    metrics = {**summarise(timeline, config.slo), **figures}
    directory.write_json("metrics.json", metrics)
    if profiles:
        directory.write_json("profile/README.json", dict(profiles))
    return metrics
