"""A job that runs on another machine: what is done there, and what comes back.

The machines need this program, the same to the byte. What the job reads, models, adapters and
traces, is named by the hash of its content: it is found there, or brought. A disk need not be
shared: the job runs in a folder of its own there, and comes back as a parcel.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import yaml

from pipeline.errors import UsageError, in_a_line, shown
from pipeline.launch.execution import CAUSE
from pipeline.launch.job import Job, Outcome, ended
from pipeline.launch.job_folder import job_folder
from pipeline.launch.parcel import packed
from pipeline.launch.program import check_same
from pipeline.launch.remote_inputs import values_here
from pipeline.launch.remote_order import Order
from pipeline.launch.supervisor import supervise
from pipeline.tracking.lock import claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status


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
    check_same(order["code"])
    if order["cpus"] is not None:
        first, count = order["cpus"]
        os.sched_setaffinity(0, _processors()[first : first + count])
    values = values_here(order)
    directory.write_config(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    job = replace(Job.stored(directory), number=order["number"], total=order["total"])
    _check_adapters(job, order["adapters"])
    with claimed(directory.path) as lock:
        supervise(job, lock)


def _check_adapters(job: Job, wanted: Sequence[str]) -> None:
    """Refuse a folder that holds what the job needs, and other adapters besides."""
    found = job.config.adapters.names()
    if other := sorted({*found} ^ {*wanted}):
        raise UsageError(
            f"adapters: {shown(other[0])} is on one of the two machines alone, so the job would "
            "have others here than it was given; give both the same folder"
        )


@cache
def _processors() -> list[int]:
    """Those this process could use when it began."""
    return sorted(os.sched_getaffinity(0))


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, UsageError) else in_a_line(error)
