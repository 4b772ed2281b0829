"""What the terminal says of a sweep's jobs: a line when one begins, a line when it has ended."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from time import monotonic

from rich.console import Console

from pipeline.compare.numbers import significant
from pipeline.errors import shortened
from pipeline.launch.job import Job
from pipeline.launch.overrides import name_of
from pipeline.metrics.definitions import known
from pipeline.metrics.tables import JOB_LINE
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State


class SweepProgress:
    """Says what tells a job from the others, what came of it, and how long the rest will take."""

    def __init__(self, jobs: Sequence[Job], console: Console, places: int = 1) -> None:
        """Begin with none.

        Args:
            jobs: in the order in which they run.
            console: where it is said.
            places: in which so many of them run at a time.
        """
        self._jobs, self._console, self._places = list(jobs), console, places
        self._headings, self._remaining = headings(jobs), RemainingTime()
        self._began: dict[int, float] = {}

    def begins(self, job: Job) -> None:
        """The job has its turn."""
        line = f"{self._turn(job)} {self._headings[job.number]}"
        line = shortened(line, self._console.width)
        self._console.print(line, markup=False, highlight=False)
        self._began[job.number] = monotonic()

    def ended(self, job: Job) -> None:
        """A job that began has run, whatever came of it."""
        seconds = monotonic() - self._began[job.number]
        self._remaining.took(job, seconds)
        times = [clock(seconds)]
        waiting = self._jobs[self._jobs.index(job) + 1 :]
        if waiting and (left := self._remaining.left(waiting)):
            times.append(f"about {clock(left / self._places)} left")
        which = f"{self._turn(job)} " if self._places > 1 else ""
        line = f"  {which}{job_line(job.directory, *times)}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _turn(self, job: Job) -> str:
        return f"[{self._jobs.index(job) + 1}/{len(self._jobs)}]"


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
        means = {engine: fmean(each) for engine, each in self._taken.items()}
        usual = fmean(means.values())
        return sum(means.get(job.config.engine.name, usual) for job in jobs)


def clock(seconds: float) -> str:
    """A time for people: seconds, minutes, or hours and minutes."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def headings(jobs: Sequence[Job]) -> dict[int, str]:
    """By the number of each job: the overrides that aren't the same in all of them."""
    typed = {job.number: {name_of(each): each for each in job.overrides} for job in jobs}
    same = [
        name
        for name in {name for each in typed.values() for name in each}
        if len({each.get(name) for each in typed.values()}) == 1
    ]
    return {
        job.number: " ".join(
            override for name, override in typed[job.number].items() if name not in same
        )
        or job.label
        for job in jobs
    }


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
