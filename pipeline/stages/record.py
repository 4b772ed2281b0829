"""Record: numbers from the timeline, into the run directory."""

from collections.abc import Mapping

from pipeline.config.run_config import RunConfig
from pipeline.metrics.definitions import Value
from pipeline.metrics.summary import summarise
from pipeline.metrics.timeline import Timeline
from pipeline.profilers.profiler import Profile
from pipeline.tracking.run_directory import RunDirectory


def record(
    config: RunConfig,
    timeline: Timeline,
    figures: Mapping[str, Value],
    profiles: Mapping[str, Profile],
    directory: RunDirectory,
) -> None:
    """Write `metrics.json`, and what the profilers say of their artifacts.

    Args:
        config: of the run.
        timeline: what was measured.
        figures: metrics that aren't functions of the timeline.
        profiles: what each profiler found, by its name.
        directory: where it all goes.
    """
    profiled = {name: value for each in profiles.values() for name, value in each.figures.items()}
    measured = timeline.measured()
    own = {each.name: each.value(measured) for each in config.metrics.values()}
    metrics = {**summarise(timeline, config.slo, config.price), **own, **figures, **profiled}
    directory.write_json("metrics.json", metrics)
    said = {name: each.to_json() for name, each in profiles.items() if each.artifacts or each.notes}
    if said:
        directory.write_json("profile/README.json", said)
