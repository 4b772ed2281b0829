"""`python -m pipeline.launch RUN_DIR`: executes the job whose `config.yaml` is in a directory.

Nothing else is needed, and all that comes of it is in the directory, `status.json` last. The
process takes the job's threads and its memory limit; whoever starts it keeps the time, and adds to
the status what a process that was killed can't say.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from rich.console import Console

from pipeline.config.run_config import Redo
from pipeline.errors import UsageError
from pipeline.launch.attempt import begin, finished, identity, new_identity
from pipeline.launch.capacity import search
from pipeline.launch.execution import execute_alone
from pipeline.launch.job import Job
from pipeline.launch.storage import remedy, settle_caches
from pipeline.launch.sweep_progress import job_line
from pipeline.process.arguments import Arguments
from pipeline.process.signals import command
from pipeline.stages.preflight import preflight
from pipeline.tracking.lock import claimed
from pipeline.tracking.run_directory import CONFIG, RunDirectory
from pipeline.tracking.status import State


def main(given: Sequence[str] | None = None) -> int:
    """Execute a job; 0 if it finished, 1 if it didn't, 2 if it can't be begun."""
    parser = Arguments(prog="python -m pipeline.launch", description=__doc__)
    parser.add_argument("directory", type=Path, help="of a job; it holds the job's config.yaml")
    parser.add_argument(
        "--redo", choices=get_args(Redo), default="unfinished", help="run again what has finished"
    )
    arguments = parser.parse_args(given)
    directory = RunDirectory(arguments.directory.absolute())
    try:
        state = _executed(directory, arguments.redo)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        if (line := remedy(error, directory.path)) is None:
            raise
        print(line, file=sys.stderr)
        return 1
    print(job_line(directory))
    return 0 if state is State.FINISHED else 1


def _executed(directory: RunDirectory, redo: Redo) -> State:
    """How the job ended, now or before.

    Raises:
        UsageError: there is no job, it can't be run, or another process runs it.
    """
    if not directory.has(CONFIG):
        raise UsageError(f"{directory.path}: holds no {CONFIG}, which says what is to be run")
    with claimed(directory.path):
        if finished(directory, redo):
            return State.FINISHED
        job = Job.stored(directory)
        job = replace(job, config=replace(job.config, redo=redo))
        settle_caches(Path(job.config.paths.cache))
        preflight([job.config])
        id_ = identity(directory) or new_identity(directory)
        if job.config.capacity is not None:
            return search(job, id_, Console()).state
        begin(job, id_)
        return execute_alone(directory).state


if __name__ == "__main__":
    command(main)
