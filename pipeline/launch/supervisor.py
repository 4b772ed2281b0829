"""A job in a process of its own: it says itself how it ended, and this what the dead can't say."""

from collections.abc import Collection
from signal import SIGABRT, SIGHUP, SIGINT, SIGKILL, SIGSEGV, SIGTERM

from pipeline.errors import in_a_line
from pipeline.launch.execution import CAUSE, serve_job
from pipeline.launch.job import Job, Outcome, ended, interrupted
from pipeline.launch.storage import remedy
from pipeline.process.child import Child, Died
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

SENT = (SIGHUP, SIGINT, SIGKILL, SIGTERM)
"""Signals that a process doesn't bring on itself."""

SILENT = (State.RUNNING,)
STOPPED = (State.RUNNING, State.KILLED)
"""States of a job that was ended from here: it has said nothing, or only that it was told to."""


def supervise(job: Job, lock: int) -> Status:
    """Run a job whose attempt has begun, under its limits; how it ended.

    Args:
        job: to run.
        lock: of its directory; the process that runs the job holds it until it has ended.

    Raises:
        KeyboardInterrupt: this process was told to stop; the job's status says so.
    """
    seconds, directory = job.config.limits.seconds, job.directory
    place = (str(directory.path), job.number, job.total)
    try:
        with Child(serve_job, *place, holding=[lock]) as child:
            child.result(seconds)
    except KeyboardInterrupt as stopped:
        _add(directory, interrupted(stopped), STOPPED)
        raise
    except TimeoutError:
        late = Outcome(State.TIMED_OUT, f"over limits.seconds={seconds:g}")
        return _add(directory, late, STOPPED)
    except Died as died:
        return _add(directory, _ended_by(died, job.config.limits.memory_gb), SILENT)
    except Exception as error:  # It could not begin, or not write how it ended.
        failed = Outcome(State.FAILED, (remedy(error) or in_a_line(error))[:CAUSE])
        return _add(directory, failed, SILENT)
    return directory.written_status()


def _add(directory: RunDirectory, outcome: Outcome, said: Collection[State]) -> Status:
    """Write how a job ended that is dead now, where what it said itself is one of those states."""
    status = directory.written_status()
    if status.state in said:
        status = ended(status, outcome)
        directory.write_status(status)
    return status


def _ended_by(died: Died, memory_gb: float | None) -> Outcome:
    number = -died.exitcode
    if memory_gb is not None and number in (SIGABRT, SIGSEGV):
        return Outcome(State.OUT_OF_MEMORY, f"over limits.memory_gb={memory_gb:g}: {died}")
    if number in SENT:
        by = " (kill -9, or the kernel out of memory)" if number == SIGKILL else ""
        return Outcome(State.KILLED, f"{died}{by}")
    return Outcome(State.FAILED, str(died))
