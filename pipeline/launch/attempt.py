"""A try at a job: what an earlier one left is kept aside, what it finished is not redone."""

import shutil
from collections.abc import Collection
from pathlib import Path
from uuid import uuid4

import yaml

from pipeline.errors import Unreadable
from pipeline.launch.execution import execute
from pipeline.launch.job import Job, now
from pipeline.launch.supervisor import supervise
from pipeline.tracking.folders import EARLIER
from pipeline.tracking.lock import LOCK
from pipeline.tracking.mlflow_experiment import RECEIPT
from pipeline.tracking.run_directory import CONFIG, STATUS, RunDirectory
from pipeline.tracking.status import State, Status
from pipeline.tracking.sweep_directory import SweepDirectory, is_sweep

STAYS = (EARLIER, RECEIPT, LOCK)
"""What belongs to the job, whichever attempt it is."""


def finished(directory: RunDirectory, redo: str = "unfinished") -> bool:
    """Whether the job that belongs there needs no other attempt.

    One that is INVALID has finished, unless `redo` says otherwise.

    Raises:
        Unreadable: its configuration or its status is damaged.
    """
    if not (directory.has(STATUS) and directory.has(CONFIG)):
        return False
    directory.config()
    status = directory.status()
    invalid = redo == "invalid" and status.validity == "INVALID"
    return status.state is State.FINISHED and redo != "all" and not invalid


def attempt(job: Job, id_: str, lock: int) -> Status:
    """Run a job in its directory, which is held by `lock`; how it ended."""
    begin(job, id_)
    if job.config.isolation == "inline":
        return execute(job.directory, job.number, job.total)
    return supervise(job, lock)


def begin(job: Job, id_: str, stays: Collection[str] = STAYS) -> Status:
    """Make the job's directory ready: its configuration, and its first status, which is returned.

    From then on the job can be executed from its directory alone. Files of an earlier attempt are
    moved into `earlier/`, but for those in `stays`.
    """
    number = _set_aside(job.directory, stays)
    job.directory.write_config(yaml.safe_dump(job.values, sort_keys=False, allow_unicode=True))
    status = Status(id_, State.RUNNING, now(), attempt=number)
    job.directory.write_status(status)
    return status


def identity(directory: RunDirectory) -> str | None:
    """The id of the run that was made there, in whichever attempt; None if there is none."""
    attempts = [directory, *map(RunDirectory, _earlier(directory)[::-1])]
    for each in attempts:
        try:
            return each.status().id
        except (FileNotFoundError, Unreadable):
            pass
    return None


def new_identity(directory: RunDirectory) -> str:
    """The id of a run that is to be made there: in a sweep's directory, of this sweep's."""
    if is_sweep(directory.path.parent):
        return f"{SweepDirectory.read(directory.path.parent).id}/{directory.path.name}"
    return str(uuid4())


def _set_aside(directory: RunDirectory, stays: Collection[str]) -> int:
    """The new attempt's number.

    The status is moved last: whoever is killed before leaves it to the next one to move the rest,
    into the same folder. A directory without a status and without rows was never begun.
    """
    directory.path.mkdir(parents=True, exist_ok=True)
    number = _number(directory)
    _remove_drafts(directory.path, stays)
    left = [each for each in directory.path.glob("[!.]*") if each.name not in stays]
    if all(each.name == CONFIG for each in left):
        return number
    aside = directory.path / EARLIER / str(number)
    aside.mkdir(parents=True, exist_ok=True)
    for each in sorted(left, key=lambda path: path.name == STATUS):
        each.replace(aside / each.name)
    return number + 1


def _remove_drafts(folder: Path, stays: Collection[str]) -> None:
    """Remove what a killed process was writing, but for receipts: those may be another's."""
    for each in folder.glob(".*"):
        if each.name not in stays and not each.name.startswith(f".{RECEIPT}."):
            shutil.rmtree(each) if each.is_dir() else each.unlink(missing_ok=True)


def _number(directory: RunDirectory) -> int:
    """That of the attempt whose files are there; of one that left no number, the next free one."""
    try:
        status = directory.left()
    except (FileNotFoundError, Unreadable):
        return 1 + max((int(each.name) for each in _earlier(directory)), default=0)
    directory.write_status(status)  # One that was killed couldn't say so itself.
    return status.attempt


def _earlier(directory: RunDirectory) -> list[Path]:
    """Folders of the attempts before, in order."""
    folder = directory.path / EARLIER
    found = [each for each in folder.iterdir() if each.name.isdecimal()] if folder.is_dir() else []
    return sorted(found, key=lambda path: int(path.name))
