"""One job in a process of its own: limits, status, and the line that says why it ended."""

import logging
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from pipeline.config import RunConfig, load
from pipeline.engines.failure import out_of_memory
from pipeline.progress import Progress
from pipeline.run import run
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

GRACE_S = 10
"""How long a job that is told to stop may take to keep what it has measured."""


@dataclass(frozen=True)
class Job:
    """A validated run and where it goes.

    Attributes:
        values: the resolved configuration, as plain values, without what it doesn't read.
        config: the same, typed.
        directory: where its files go.
        overrides: what the user typed for it.
        number: its place in the sweep, from 0.
        total: how many jobs the sweep has.
        unread: those of the overrides that change nothing in this job, and why.
    """

    values: dict[str, Any]
    config: RunConfig
    directory: RunDirectory
    overrides: tuple[str, ...]
    number: int = 0
    total: int = 1
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What tells it from the others, for people."""
        return " ".join(self.overrides) or self.config.engine.name


@dataclass(frozen=True)
class Outcome:
    """How a job's process ended."""

    state: State
    cause: str | None = None
    reasons: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


def execute(job: Job, status: Status) -> Status:
    """Run the job under its limits and write its status before and after."""
    work = _inline if job.config.isolation == "inline" else _isolated
    return recorded(job.directory, status, partial(work, job))


def recorded(directory: RunDirectory, status: Status, work: Callable[[], Outcome]) -> Status:
    """Do the work of a job and write its status before and after; how it ended."""
    directory.write_status(status)
    try:
        outcome = work()
    except KeyboardInterrupt:
        directory.write_status(ended(status, Outcome(State.FAILED, "interrupted")))
        raise
    status = ended(status, outcome)
    directory.write_status(status)
    return status


def now() -> str:
    """Wall-clock time, ISO 8601 with zone."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def ended(status: Status, outcome: Outcome) -> Status:
    """The last status of a job that ended so, now."""
    finished = outcome.state is State.FINISHED
    validity = ("INVALID" if outcome.reasons else "VALID") if finished else None
    return replace(
        status,
        state=outcome.state,
        finished=now(),
        cause=outcome.cause,
        validity=validity,
        reasons=outcome.reasons,
        cautions=outcome.cautions,
    )


def _isolated(job: Job) -> Outcome:
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    arguments = (job.values, str(job.directory.path), job.number, job.total, job.label, sender)
    process = spawn.Process(target=_child, args=arguments, name="job")
    process.start()
    sender.close()
    try:
        in_time = bool(wait([process.sentinel], job.config.limits.seconds))
        if not in_time:
            _stop(process)
            return Outcome(State.TIMED_OUT, f"over limits.seconds={job.config.limits.seconds:g}")
        process.join()
        return _said(receiver, process.exitcode or 0, job)
    finally:
        if process.is_alive():
            _stop(process)


def _stop(process: Any) -> None:
    process.terminate()
    process.join(GRACE_S)
    if process.is_alive():
        process.kill()
        process.join()


def _said(receiver: Connection, exitcode: int, job: Job) -> Outcome:
    try:
        if receiver.poll():
            outcome: Outcome = receiver.recv()
            return outcome
    except EOFError:
        pass
    if exitcode < 0:
        name = signal.Signals(-exitcode).name
        if job.config.limits.memory_gb and -exitcode in (signal.SIGABRT, signal.SIGSEGV):
            limit = f"over limits.memory_gb={job.config.limits.memory_gb:g}, ended by {name}"
            return Outcome(State.OUT_OF_MEMORY, limit)
        by = " (kill -9, or the kernel out of memory)" if name == "SIGKILL" else ""
        return Outcome(State.FAILED, f"ended by signal {name}{by}")
    return Outcome(State.FAILED, f"its process left with code {exitcode} and said nothing")


def _inline(job: Job) -> Outcome:
    return _guarded(job.config, job.directory, job.number, job.total, job.label)


def _child(
    values: dict[str, Any], path: str, number: int, total: int, label: str, sender: Connection
) -> None:
    signal.signal(signal.SIGTERM, _raise_exit)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    directory = RunDirectory(Path(path))
    config = load(values)
    threads = str(config.compute_threads)
    os.environ.update(OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _limit_memory(config.limits.memory_gb)
    sender.send(_guarded(config, directory, number, total, label))


def _raise_exit(*_: object) -> None:
    raise SystemExit("told to stop")


def _limit_memory(gigabytes: float | None) -> None:
    if gigabytes is not None:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * 1e9), most))


def _lift_memory_limit() -> None:
    """What is left to do is to say why the job failed, and that takes memory too."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _guarded(
    config: RunConfig, directory: RunDirectory, number: int, total: int, label: str
) -> Outcome:
    handler = logging.FileHandler(directory.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    log = logging.getLogger(__name__)
    try:
        with Progress(number, total, label) as progress:
            result = run(config, directory, progress)
    except Exception as error:
        _lift_memory_limit()
        log.exception("the job failed")
        return _failure(error, config)
    finally:
        handler.close()
    return Outcome(State.FINISHED, reasons=result.reasons, cautions=result.cautions)


def _failure(error: Exception, config: RunConfig) -> Outcome:
    line = " ".join(str(error).split()) or traceback.format_exception_only(error)[-1].strip()
    limit = config.limits.memory_gb
    # Of a library that lost its MemoryError Python says so; torch does while it is imported.
    if out_of_memory(error) or (limit is not None and isinstance(error, SystemError)):
        return Outcome(State.OUT_OF_MEMORY, f"over limits.memory_gb={limit}")
    return Outcome(State.FAILED, f"{type(error).__name__}: {line}"[:500])
