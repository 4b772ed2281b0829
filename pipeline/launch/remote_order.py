"""What is sent of a job that runs on another machine."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from pipeline.launch.inputs.job_input import JobInput
from pipeline.launch.inputs.listing import Keys, inputs_of
from pipeline.launch.job import Job
from pipeline.launch.program import code_hash
from pipeline.places import PACKAGE, ROOT
from pipeline.tracking.status import Status


class Order(TypedDict):
    """A job as plain values, which a machine reads before it has this program.

    Attributes:
        values: its configuration.
        status: the one it began with.
        root: where the sender's project is.
        package: where the sender's program is, with what is kept beside it.
        code: SHA-256 of the sender's program.
        inputs: what the job reads, each where its setting stands, and as a `JobInput` has it.
        adapters: names of its adapters, for a folder may hold more where the job runs.
        cpus: of those this process may use there, from where on and how many; None for all.
        number: its place in the sweep, from 0.
        total: how many jobs the sweep has.
    """

    values: dict[str, Any]
    status: dict[str, Any]
    root: str
    package: str
    code: str
    inputs: list[tuple[Keys, dict[str, Any]]]
    adapters: tuple[str, ...]
    cpus: tuple[int, int] | None
    number: int
    total: int


def order_of(job: Job, status: Status, cpus: tuple[int, int] | None) -> Order:
    """What is sent of a job that has begun.

    Raises:
        UsageError: something that it reads can't be read.
    """
    return {
        "values": job.values,
        "status": status.to_json(),
        "root": str(ROOT),
        "package": str(PACKAGE),
        "code": code_hash(),
        "inputs": [(keys, asdict(each)) for keys, each in inputs_of(job.config).items()],
        "adapters": tuple(job.config.adapters.names()),
        "cpus": cpus,
        "number": job.number,
        "total": job.total,
    }


def sources_of(order: Order) -> dict[str, Path]:
    """Where the sender has each content that the job reads, by its SHA-256."""
    inputs = [JobInput(**each) for _, each in order["inputs"]]
    return {sha256: path for each in inputs for sha256, path in each.sources().items()}
