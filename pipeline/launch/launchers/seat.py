"""A place on another machine: jobs are sent there one after another, and come back as parcels."""

from abc import abstractmethod

from pipeline.errors import UsageError, in_a_line
from pipeline.launch.attempt import begin
from pipeline.launch.execution import CAUSE
from pipeline.launch.job import Job, Outcome, ended
from pipeline.launch.launchers.launcher import PlaceLost, Workplace
from pipeline.launch.parcel import unpack
from pipeline.launch.remote_order import Order, order_of
from pipeline.tracking.status import State, Status


class JobLost(RuntimeError):
    """What ran a job elsewhere is gone, and the job with it."""


class Seat(Workplace):
    """Where it is, and how a job gets there."""

    cpus: tuple[int, int] | None = None
    """Processors a job is kept to there: the first of them, and how many; None for all."""

    @property
    @abstractmethod
    def there(self) -> bool:
        """Whether a job can still be sent."""

    @abstractmethod
    def carried_out(self, order: Order) -> bytes:
        """What came of a job that was sent.

        Raises:
            JobLost: nothing came, for what ran it has died.
            UsageError: it could not be run there.
        """

    @abstractmethod
    def leave(self) -> None:
        """Free the place, and end what runs there."""

    def attempt(self, job: Job, id_: str, lock: int) -> Status:
        """Run a job there, whose directory is held here; how it ended.

        Raises:
            PlaceLost: the place is gone; nothing was begun.
        """
        if not self.there:
            raise PlaceLost(f"{self.name} is gone")
        status = begin(job, id_)
        try:
            unpack(self.carried_out(order_of(job, status, self.cpus)), job.directory.path)
        except UsageError as error:
            return self._ended(job, status, State.FAILED, error)
        except JobLost as error:
            return self._ended(job, status, State.KILLED, error)
        except BaseException as error:  # This process was told to stop.
            self._ended(job, status, State.KILLED, error)
            raise
        return job.directory.written_status()

    def _ended(self, job: Job, status: Status, state: State, error: BaseException) -> Status:
        said = str(error) if isinstance(error, UsageError | JobLost) else in_a_line(error)
        status = ended(status, Outcome(state, f"{self.name}: {said}"[:CAUSE]))
        job.directory.write_status(status)
        return status
