"""A place that submitit finds: all jobs but the first are submitted for the node of the first."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError, in_a_line
from pipeline.launch.launchers.queues import Queue
from pipeline.launch.launchers.seat import JobLost, Seat
from pipeline.launch.program_finder import program_finder
from pipeline.launch.remote_order import Order
from pipeline.process.pulse import pulse

LOOK_S = 1.0
"""Between two looks for a result."""

ASK_S = 10.0
"""Between two questions to the queue, which is everybody's."""

LATE_S = 20.0
"""How long after the end of a job its result may take to be seen, on a shared disk."""


class SubmittedSeat(Seat):
    """Jobs of a block are submitted one after another, each when the one before has come back."""

    def __init__(
        self,
        executor: Any,
        folder: Path,
        queue: Queue,
        options: Mapping[str, Any],
        cpus: int | None,
    ) -> None:
        """Take no place yet: the first job finds one.

        Args:
            executor: submitit's.
            folder: of this seat alone, on a disk that the nodes share.
            queue: where jobs wait and run.
            options: what every submission asks for.
            cpus: processors of a node that a job takes; None takes the whole node.
        """
        self._executor, self._queue, self._options, self._share = executor, queue, options, cpus
        self._pulse_path = folder / "pulse"
        self._node: str | None = None
        self._job: Any = None
        self._left = False
        self.name = "a node"

    @property
    def there(self) -> bool:
        """Whether the node takes jobs, once there is one."""
        return self._node is None or self._queue.serves(self._node)

    def carried_out(self, order: Order) -> bytes:
        """What came of a job that was submitted.

        Raises:
            JobLost: it is gone from the queue without a result, or its node is.
            UsageError: it could not be submitted, or not be run there.
        """
        from submitit.core.utils import FailedJobError, UncompletedJobError

        with pulse(self._pulse_path):
            self._job = job = self._submitted(order)
            self._wait(job)
        try:
            self._node, parcel = job.result()
        except FailedJobError as error:
            raise UsageError(f"job {job.job_id}: {_last_line(error)}") from error
        except UncompletedJobError as error:
            raise JobLost(f"job {job.job_id}: {_last_line(error)}") from error
        self.name = self._node
        return bytes(parcel)

    def leave(self) -> None:
        """Cancel what waits or runs."""
        self._left = True
        job, self._job = self._job, None
        if job is not None and not job.paths.result_pickle.exists():
            job.cancel(check=False)

    def _submitted(self, order: Order) -> Any:
        wanted = self._queue.options(self._node, self._share)
        try:
            self._executor.update_parameters(**self._options, **wanted)
            return self._executor.submit(_carry_out(), order, str(self._pulse_path))
        except Exception as error:  # Whatever SLURM or submitit has against it.
            raise UsageError(f"launcher=slurm: not submitted: {in_a_line(error)}") from error

    def _wait(self, job: Any) -> None:
        asked = time.monotonic()
        while not job.paths.result_pickle.exists():
            if self._left:
                job.cancel(check=False)
                raise JobLost("cancelled")
            time.sleep(LOOK_S)
            if time.monotonic() - asked > ASK_S:
                if not self.there:
                    job.cancel(check=False)
                    raise JobLost(f"{self._node} is gone")
                standing = self._queue.standing(job)
                if not standing.held:
                    return self._wait_for_the_last(job)
                self.tell(standing.waits)
                asked = time.monotonic()

    @staticmethod
    def _wait_for_the_last(job: Any) -> None:
        until = time.monotonic() + LATE_S
        while not job.paths.result_pickle.exists():
            if time.monotonic() > until:
                raise JobLost(f"job {job.job_id} has ended without a result: {_said(job)}")
            time.sleep(LOOK_S)


def _carry_out() -> Callable[[Order, str], tuple[str, bytes]]:
    """What a node does, sent whole: it may not have this program yet."""
    of_program = program_finder()

    def carry_out(order: Any, signs: str) -> tuple[str, bytes]:
        import os
        import signal
        import socket
        from pathlib import Path

        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # Which submitit would have ignored.
        of_program("process.pulse").end_without(Path(signs))
        parcel: bytes = of_program("launch.remote").carried_out(order)
        return os.environ.get("SLURMD_NODENAME") or socket.gethostname(), parcel

    return carry_out


def _last_line(error: Exception) -> str:
    """The line of a remote trace that says what was wrong."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(("---", "You can check", "- "))]
    return told[-1] if told else in_a_line(error)


def _said(job: Any) -> str:
    lines = (job.stderr() or "").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
