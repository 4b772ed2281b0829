"""What the terminal says of a sweep's jobs: a line when one begins, a line when it has ended."""

from collections.abc import Mapping, Sequence
from time import monotonic

from rich.console import Console

from pipeline.compare.numbers import significant
from pipeline.errors import shortened
from pipeline.launch.job import Job
from pipeline.launch.overrides import name_of
from pipeline.launch.remaining_time import RemainingTime, clock
from pipeline.launch.waiting import Waiting
from pipeline.metrics.definitions import known
from pipeline.metrics.tables import JOB_LINE
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State


class SweepProgress:
    """Says what tells a job from the others, what came of it, and how long the rest will take."""

    def __init__(
        self, jobs: Sequence[Job], console: Console, places: int = 1, first: int = 0
    ) -> None:
        """Begin with none.

        Args:
            jobs: in the order in which they run.
            console: where it is said.
            places: in which so many of them run at a time.
            first: number of the first that runs; those before it had their turn.
        """
        self._jobs, self._console, self._places = list(jobs), console, places
        self._headings, self._remaining = headings(jobs), RemainingTime()
        self._waiting = {job.number: job for job in jobs[first:]}
        self._running: dict[int, tuple[Job, float]] = {}
        self._held_up = Waiting(console)

    def begins(self, job: Job, where: str = "") -> None:
        """The job has its turn, on a machine of that name where there are several."""
        heading = f"{self.heading(job)} · {where}" if where else self.heading(job)
        line = shortened(heading, self._console.width)
        self._console.print(line, markup=False, highlight=False)
        self._waiting.pop(job.number, None)
        self._running[job.number] = job, monotonic()

    def waits(self, job: Job, why: str) -> None:
        """A job that has its turn hasn't begun where it was sent; an empty reason says it has."""
        self._held_up.hear(job, why, self._turn(job))

    def ended(self, job: Job) -> None:
        """A job that began has run, whatever came of it."""
        _, began = self._running.pop(job.number)
        seconds = monotonic() - began
        self._remaining.took(job, seconds)
        times = [clock(seconds)]
        if self._waiting and (left := self.left()) is not None:
            times.append(f"about {clock(left)} left")
        which = f"{self._turn(job)} " if self._places > 1 else ""
        line = f"  {which}{job_line(job.directory, *times)}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def passed(self, job: Job) -> None:
        """The turn of a job is over, whether it has run or not."""
        self._running.pop(job.number, None)

    def left(self) -> float | None:
        """Seconds until all have ended, about; None where no job has yet."""
        waiting = self._remaining.left([*self._waiting.values()])
        if waiting is None:
            return None
        now, running = monotonic(), [*self._running.values()]
        rest = ((self._remaining.left([job]) or 0) - (now - began) for job, began in running)
        return (waiting + sum(max(0, each) for each in rest)) / self._places

    @property
    def waiting(self) -> int:
        """How many had no turn yet."""
        return len(self._waiting)

    def heading(self, job: Job) -> str:
        """Which of the jobs it is, and what tells it from the others."""
        return f"{self._turn(job)} {self._headings[job.number]}"

    def doing(self, job: Job) -> str:
        """Its heading; or which it is and why it waits, where it was sent and hasn't begun."""
        why = self._held_up.why(job)
        return f"{self._turn(job)} waits: {why}" if why else self.heading(job)

    def _turn(self, job: Job) -> str:
        return f"[{self._jobs.index(job) + 1}/{len(self._jobs)}]"


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
