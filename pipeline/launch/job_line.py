"""What the terminal says of a job of a sweep: one line, for the comparison at the end says more."""

from collections.abc import Mapping

from pipeline.compare.numbers import significant
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

FIGURES = (
    ("output_tokens_per_s", 1, "tokens/s"),
    ("capacity_rps", 1, "requests/s at most"),
    ("ttft_s/p50", 1e3, "ms to the first token"),
    ("served_agreement", 100, "% faithful"),
)
"""Metric, factor and unit, those that most people ask for first."""


def job_line(directory: RunDirectory, *times: str) -> str:
    """Its figures, or why there are none.

    Args:
        directory: of the job.
        times: what is said beside the figures, before what may be long.
    """
    status = directory.status()
    if status.state is not State.FINISHED:
        return " · ".join([str(status.state), *times, f"{status.cause}; log: {directory.log}"])
    found = figures(directory.json("metrics.json"))
    return " · ".join([str(status.validity), *found, *times, *status.reasons])


def figures(metrics: Mapping[str, float | str]) -> list[str]:
    """Those that the run has."""
    values = [(metrics.get(name), factor, unit) for name, factor, unit in FIGURES]
    return [
        f"{significant(value * factor)} {unit}"
        for value, factor, unit in values
        if isinstance(value, int | float)
    ]
