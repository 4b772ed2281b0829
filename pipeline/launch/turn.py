"""A job whose turn has come: left alone, skipped, or run where the launcher has a place."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from pipeline.errors import Unreadable, UsageError
from pipeline.launch.attempt import finished
from pipeline.launch.capacity import search
from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import Attempt
from pipeline.tracking.folders import EARLIER
from pipeline.tracking.lock import claimed
from pipeline.tracking.status import State, Status


@dataclass(frozen=True)
class JobTurn:
    """How jobs are run, and who is told.

    Attributes:
        attempt: runs them, in a place of its own.
        console: where it is said why one isn't run.
        tell: says what came of one that has run.
    """

    attempt: Attempt
    console: Console
    tell: Callable[[Job], None]

    def ran_or_left(self, job: Job, id_: str) -> State | None:
        """How a job of a sweep stands now; None where it is another's, and was left alone."""
        try:
            with claimed(job.directory.path) as lock:
                return self.ran(job, id_, lock).state
        except UsageError as error:
            self.console.print(f"  left alone: {error}", markup=False, soft_wrap=True)
            return None

    def ran(self, job: Job, id_: str, lock: int) -> Status:
        """Run the job and tell of it, unless it has finished before; how it ended."""
        if self._skipped(job):
            return job.directory.status()
        if job.config.capacity:
            status = search(job, id_, self.console, self.attempt)
        else:
            status = self.attempt(job, id_, lock)
        self.tell(job)
        return status

    def _skipped(self, job: Job) -> bool:
        try:
            if not finished(job.directory, job.config.redo):
                return False
        except Unreadable as error:
            again = f"  {error}; it runs again, and what is there is kept in {EARLIER}/"
            self.console.print(again, markup=False, soft_wrap=True)
            return False
        invalid = job.directory.status().validity == "INVALID"
        but = ", and INVALID (redo=invalid would run it again)" if invalid else ""
        self.console.print(f"  already FINISHED{but}; skipped", soft_wrap=True)
        return True
