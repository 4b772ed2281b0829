"""A job that runs on another machine: what is sent there, what is done there, what comes back.

The machines need this program, the same to the byte, and what the job reads: models, adapters and
traces are looked for where the sender has them, in its project's folder or at their own path. A
disk need not be shared: the job runs in a folder of its own there, and comes back as a parcel.
"""

import hashlib
import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from typing_extensions import TypedDict

from pipeline.errors import UsageError, in_a_line
from pipeline.launch.execution import CAUSE
from pipeline.launch.job import Job, Outcome, ended
from pipeline.launch.job_folder import job_folder
from pipeline.launch.parcel import packed
from pipeline.launch.storage import settle_caches
from pipeline.launch.supervisor import supervise
from pipeline.places import PACKAGE, ROOT
from pipeline.tracking.lock import claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

BESIDE = ("__pycache__", "conf")
"""Folders that may be in the package or not: what is made there, and what only a sender reads."""


class Order(TypedDict):
    """A job as plain values, which a machine reads before it has this program.

    Attributes:
        values: its configuration.
        status: the one it began with.
        root: where the sender's project is.
        code: SHA-256 of the sender's program.
        cpus: of those this process may use there, from where on and how many; None for all.
        number: its place in the sweep, from 0.
        total: how many jobs the sweep has.
    """

    values: dict[str, Any]
    status: dict[str, Any]
    root: str
    code: str
    cpus: tuple[int, int] | None
    number: int
    total: int


def order_of(job: Job, status: Status, cpus: tuple[int, int] | None) -> Order:
    """What is sent of a job that has begun."""
    return {
        "values": job.values,
        "status": status.to_json(),
        "root": str(ROOT),
        "code": code_hash(),
        "cpus": cpus,
        "number": job.number,
        "total": job.total,
    }


def carried_out(order: Order) -> bytes:
    """Run the job on this machine, under its limits; what it left as a parcel, however it ended."""
    status = Status.from_json(order["status"])
    with job_folder() as folder:
        directory = RunDirectory(folder / "run")
        directory.path.mkdir()
        directory.write_status(status)
        try:
            _run(order, directory)
        except Exception as error:
            said = f"{socket.gethostname()}: {_said(error)}"
            directory.write_status(ended(status, Outcome(State.FAILED, said[:CAUSE])))
        return packed(directory.path)


def _run(order: Order, directory: RunDirectory) -> None:
    if order["code"] != code_hash():
        raise UsageError(
            f"{PACKAGE}: another program than the sender's: bring both to one commit, without "
            "changes of their own"
        )
    if order["cpus"] is not None:
        first, count = order["cpus"]
        os.sched_setaffinity(0, _processors()[first : first + count])
    values = here(order["values"], order["root"])
    directory.write_config(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    settle_caches(Path(values["paths"]["cache"]))
    job = replace(Job.stored(directory), number=order["number"], total=order["total"])
    with claimed(directory.path) as lock:
        supervise(job, lock)


@cache
def _processors() -> list[int]:
    """Those this process could use when it began."""
    return sorted(os.sched_getaffinity(0))


def here(values: Any, root: str) -> Any:
    """A configuration whose paths below the sender's project are below this machine's."""
    if isinstance(values, Mapping):
        return {key: here(value, root) for key, value in values.items()}
    if isinstance(values, list):
        return [here(value, root) for value in values]
    if isinstance(values, str) and f"{values}/".startswith(f"{root}/"):
        return f"{ROOT}{values[len(root) :]}"
    return values


@cache
def code_hash() -> str:
    """SHA-256 of all files of the package, by name and content."""
    whole = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and not {*path.parts} & {*BESIDE}:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{path.relative_to(PACKAGE).as_posix()} {content}\n".encode())
    return whole.hexdigest()


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, UsageError) else in_a_line(error)
