"""A job, executed from its directory: `config.yaml` says what is run, `status.json` how it ended.

Whoever starts it passes a directory in which an attempt has begun, and reads there what came of
it; nothing else is handed over, in either direction.
"""

import logging
import os
import resource
import signal
import traceback
from functools import partial
from pathlib import Path

from pipeline.config.run_config import RunConfig
from pipeline.errors import UsageError
from pipeline.inference.failure import out_of_memory
from pipeline.launch.job import Job, Outcome, recorded
from pipeline.launch.job_log import job_log
from pipeline.launch.progress import ProgressBars
from pipeline.launch.storage import remedy
from pipeline.machine.memory import GIGABYTE
from pipeline.process.signals import Stopped, leave, stoppable
from pipeline.run import run
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

CAUSE = 500
"""Characters of a cause."""


def execute(directory: RunDirectory, number: int = 0, total: int = 1) -> Status:
    """Run the job whose attempt has begun in a directory, in this process; how it ended.

    Args:
        directory: of the job; its lock is held.
        number: the job's place in its sweep, from 0.
        total: how many jobs the sweep has.

    Raises:
        KeyboardInterrupt: it was told to stop, and its status says so.
    """
    return recorded(directory, directory.written_status(), partial(_run, directory, number, total))


def execute_alone(directory: RunDirectory, number: int = 0, total: int = 1) -> Status:
    """The same in a process that is there for this job: with its threads and its memory limit.

    Told to stop it lets go of everything: what was measured is on disk already.
    """
    work = partial(_run_limited, directory, number, total)
    return recorded(directory, directory.written_status(), work)


def serve_job(path: str, number: int, total: int) -> None:
    """What the child process of a sweep does; it ends by the signal that tells it to stop."""
    try:
        with stoppable([signal.SIGTERM]):
            execute_alone(RunDirectory(Path(path)), number, total)
    except Stopped as stopped:
        leave(stopped)


def _run_limited(directory: RunDirectory, number: int, total: int) -> Outcome:
    try:
        config = Job.stored(directory).config
    except UsageError as error:
        return Outcome(State.FAILED, str(error)[:CAUSE])
    threads = str(config.compute_threads)
    os.environ.update(OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _limit_memory(config.limits.memory_gb)
    return _guarded(config, directory, number, total)


def _run(directory: RunDirectory, number: int, total: int) -> Outcome:
    return _guarded(Job.stored(directory).config, directory, number, total)


def _guarded(config: RunConfig, directory: RunDirectory, number: int, total: int) -> Outcome:
    """Run a job, its log in its directory; how it ended."""
    log = logging.getLogger(__name__)
    with job_log(directory.log):
        try:
            with ProgressBars(number, total) as progress:
                result = run(config, directory, progress)
        except Exception as error:
            _lift_memory_limit()
            log.exception("the job failed")
            return failure(error, config.limits.memory_gb)
    return Outcome(State.FINISHED, reasons=result.reasons, cautions=result.cautions)


def failure(error: Exception, memory_gb: float | None) -> Outcome:
    """What an exception says of a job that had so much memory."""
    line = " ".join(str(error).split()) or traceback.format_exception_only(error)[-1].strip()
    # Of a library that lost its MemoryError Python says so; torch does while it is imported.
    if out_of_memory(error) or (memory_gb is not None and isinstance(error, SystemError)):
        over = "the memory there was" if memory_gb is None else f"limits.memory_gb={memory_gb:g}"
        return Outcome(State.OUT_OF_MEMORY, f"over {over}: {line}"[:CAUSE])
    said = remedy(error) or f"{type(error).__name__}: {line}"
    return Outcome(State.FAILED, said[:CAUSE])


def _limit_memory(gigabytes: float | None) -> None:
    if gigabytes is not None:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * GIGABYTE), most))


def _lift_memory_limit() -> None:
    """What is left to do is to say why the job failed, and that takes memory too."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
