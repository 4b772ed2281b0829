"""A job in a process of its own, or in this one: its limits, and why it ended."""

from functools import partial
from signal import SIGABRT, SIGHUP, SIGINT, SIGKILL, SIGSEGV, SIGTERM

from pipeline.errors import in_a_line
from pipeline.launch.inside import guarded, in_its_process
from pipeline.launch.job import Job, Outcome, recorded
from pipeline.launch.storage import remedy
from pipeline.process.child import Child, Died
from pipeline.tracking.status import State, Status

SENT = (SIGHUP, SIGINT, SIGKILL, SIGTERM)
"""Signals that a process doesn't bring on itself."""


def execute(job: Job, status: Status, lock: int) -> Status:
    """Run the job under its limits and write its status before and after.

    Args:
        job: to run, its directory made ready.
        status: to begin with.
        lock: of its directory; the process that runs the job holds it until it has ended.
    """
    inline = job.config.isolation == "inline"
    work = partial(_inline, job) if inline else partial(_isolated, job, lock)
    return recorded(job.directory, status, work)


def _inline(job: Job) -> Outcome:
    return guarded(job.config, job.directory, job.number, job.total)


def _isolated(job: Job, lock: int) -> Outcome:
    seconds = job.config.limits.seconds
    place = (str(job.directory.path), job.number, job.total)
    try:
        with Child(in_its_process, job.values, *place, holding=[lock]) as child:
            outcome: Outcome = child.result(seconds)
            return outcome
    except TimeoutError:
        return Outcome(State.TIMED_OUT, f"over limits.seconds={seconds:g}")
    except Died as died:
        return _ended_by(died, job.config.limits.memory_gb)
    except Exception as error:  # It could not begin.
        return Outcome(State.FAILED, (remedy(error) or in_a_line(error))[:500])


def _ended_by(died: Died, memory_gb: float | None) -> Outcome:
    number = -died.exitcode
    if memory_gb is not None and number in (SIGABRT, SIGSEGV):
        return Outcome(State.OUT_OF_MEMORY, f"over limits.memory_gb={memory_gb:g}: {died}")
    if number in SENT:
        by = " (kill -9, or the kernel out of memory)" if number == SIGKILL else ""
        return Outcome(State.KILLED, f"{died}{by}")
    return Outcome(State.FAILED, str(died))
