"""What the terminal says of a job of a sweep: one line, for the comparison at the end says more."""

from collections.abc import Mapping

from pipeline.compare.numbers import significant
from pipeline.metrics.definitions import known
from pipeline.metrics.tables import JOB_LINE
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State


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
    return [
        f"{significant(value * known(name).scale)} {words}"
        for name, words in JOB_LINE.items()
        if isinstance(value := metrics.get(name), int | float)
    ]
