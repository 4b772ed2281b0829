"""What runs in a job's process: the run, with its log, under its limits."""

import logging
import os
import resource
import signal
import traceback
from pathlib import Path
from typing import Any

from pipeline.config.load import load
from pipeline.config.run_config import RunConfig
from pipeline.inference.failure import out_of_memory
from pipeline.launch.job import Outcome
from pipeline.launch.progress import ProgressBars
from pipeline.launch.storage import remedy
from pipeline.machine.memory import GIGABYTE
from pipeline.process.signals import Stopped, stoppable
from pipeline.run import run
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State


def in_its_process(values: dict[str, Any], path: str, number: int, total: int) -> Outcome:
    """Run a job, to which the whole process belongs; how it ended.

    Told to stop it lets go of everything: what was measured is on disk already.
    """
    try:
        with stoppable([signal.SIGTERM]):
            config = load(values)
            threads = str(config.compute_threads)
            os.environ.update(OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads)
            os.environ["TOKENIZERS_PARALLELISM"] = "false"
            _limit_memory(config.limits.memory_gb)
            return guarded(config, RunDirectory(Path(path)), number, total)
    except Stopped as stopped:
        return Outcome(State.KILLED, str(stopped))


def guarded(config: RunConfig, directory: RunDirectory, number: int, total: int) -> Outcome:
    """Run a job in this process, its log in its directory; how it ended."""
    handler = logging.FileHandler(directory.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # A log that has no room must not hide why the job failed.
    log = logging.getLogger(__name__)
    try:
        with ProgressBars(number, total) as progress:
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
        over = "the memory there was" if limit is None else f"limits.memory_gb={limit:g}"
        return Outcome(State.OUT_OF_MEMORY, f"over {over}: {line}"[:500])
    said = remedy(error) or f"{type(error).__name__}: {line}"
    return Outcome(State.FAILED, said[:500])


def _limit_memory(gigabytes: float | None) -> None:
    if gigabytes is not None:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * GIGABYTE), most))


def _lift_memory_limit() -> None:
    """What is left to do is to say why the job failed, and that takes memory too."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
