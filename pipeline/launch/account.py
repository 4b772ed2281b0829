"""What the terminal says of a sweep's jobs: a line when one begins, a line when it has ended."""

from collections.abc import Sequence
from time import monotonic

from rich.console import Console

from pipeline.errors import shortened
from pipeline.launch.heading import headings
from pipeline.launch.job import Job
from pipeline.launch.job_line import job_line
from pipeline.launch.pace import Pace, clock


class Account:
    """Says what tells a job from the others, what came of it, and how long the rest will take."""

    def __init__(self, jobs: Sequence[Job], console: Console) -> None:
        self._jobs, self._console = list(jobs), console
        self._headings, self._pace = headings(jobs), Pace()

    def begins(self, job: Job) -> None:
        """The job has its turn."""
        place = f"[{self._jobs.index(job) + 1}/{len(self._jobs)}]"
        line = shortened(f"{place} {self._headings[job.number]}", self._console.width)
        self._console.print(line, markup=False, highlight=False)
        self._began = monotonic()

    def ended(self, job: Job) -> None:
        """The job that began last has run, whatever came of it."""
        seconds = monotonic() - self._began
        self._pace.took(job, seconds)
        times = [clock(seconds)]
        waiting = self._jobs[self._jobs.index(job) + 1 :]
        if waiting and (left := self._pace.left(waiting)):
            times.append(f"about {clock(left)} left")
        line = f"  {job_line(job.directory, *times)}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
