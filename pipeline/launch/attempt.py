"""A try at a job: what an earlier one left is kept aside, what it finished is not redone."""

import shutil
from collections.abc import Collection

import yaml

from pipeline.launch.job import Job, execute, now
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

STAYS = ("earlier", "mlflow.json")
"""What belongs to the job, whichever attempt it is."""


def finished(directory: RunDirectory) -> bool:
    """Whether the job that belongs there needs no other attempt."""
    return directory.has("status.json") and directory.status().state is State.FINISHED


def attempt(job: Job, id_: str) -> Status:
    """Run a job in its directory; how it ended."""
    return execute(job, begin(job, id_))


def begin(job: Job, id_: str, stays: Collection[str] = STAYS) -> Status:
    """Make the job's directory ready and keep its configuration there; the status to begin with.

    Files of an attempt that did not finish are moved into `earlier/`, but for those in `stays`.
    """
    number = _set_aside(job.directory, stays)
    job.directory.write_config(yaml.safe_dump(job.values, sort_keys=False, allow_unicode=True))
    return Status(id_, State.RUNNING, now(), attempt=number)


def _set_aside(directory: RunDirectory, stays: Collection[str]) -> int:
    """The new attempt's number."""
    directory.path.mkdir(parents=True, exist_ok=True)
    if not directory.has("status.json"):
        return 1
    number = directory.status().attempt
    aside = directory.path / "earlier" / str(number)
    aside.mkdir(parents=True, exist_ok=True)
    for each in directory.path.iterdir():
        if each.name not in stays:
            shutil.move(each, aside / each.name)
    return number + 1
