"""How long the jobs of a sweep will take that haven't run yet, and times for people."""

from collections.abc import Iterable
from statistics import fmean

from pipeline.launch.job import Job


class RemainingTime:
    """Seconds that jobs took, by engine: what decides most about them."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = {}

    def took(self, job: Job, seconds: float) -> None:
        """A job is done."""
        self._taken.setdefault(job.config.engine.name, []).append(seconds)

    def left(self, jobs: Iterable[Job]) -> float | None:
        """Seconds that these will take, about; None where no job was done yet.

        An engine that had no turn yet is taken to be like the others.
        """
        if not self._taken:
            return None
        means = {engine: fmean(each) for engine, each in [*self._taken.items()]}
        usual = fmean(means.values())
        return sum(means.get(job.config.engine.name, usual) for job in jobs)


def clock(seconds: float) -> str:
    """A time for people: seconds, minutes, or hours and minutes."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
