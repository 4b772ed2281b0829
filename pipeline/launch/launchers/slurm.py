"""`launcher=slurm`: blocks of jobs on the nodes of a SLURM cluster, submitted through submitit.

Every job of a sweep is a job of SLURM's, one after another of each block, and all of a block on one
node. It ends within a minute of the process that started the sweep.
"""

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.config.run_config import RunConfig
from pipeline.errors import UsageError
from pipeline.launch.job_folder import job_folder
from pipeline.launch.launchers import queues
from pipeline.launch.launchers.seat import Seat
from pipeline.launch.launchers.seated import Seated, check_processes
from pipeline.launch.launchers.submitted_seat import SubmittedSeat
from pipeline.settings import STRICT

INSTALL = 'pip install submitit==1.5.3 "setuptools<81"'

NEEDED = ("submitit", "pkg_resources")
"""The second is part of setuptools, which has it no longer since 81."""

QUEUES: Mapping[str, type[queues.Queue]] = MappingProxyType(
    {"slurm": queues.SlurmQueue, "local": queues.Processes}
)


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Slurm(Seated):
    """A cluster on which this user may submit jobs.

    Attributes:
        folder: for what is sent and comes back, on a disk that all nodes have at the same path.
        executor: submitit's; `local` starts processes here, to try it without SLURM.
        nodes: on so many blocks run at a time.
        cpus: processors of a node that a job takes; None takes the whole node.
        hours: SLURM's limit on each job, beside `limits.seconds`.
        options: of `sbatch`, by their long names: partition, account, mem, constraint.
    """

    folder: str
    executor: Literal["slurm", "local"] = "slurm"
    nodes: PositiveInt = 1
    cpus: PositiveInt | None = None
    hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    options: dict[str, str | int | bool] = Field(default_factory=dict)

    def check(self, configs: Sequence[RunConfig]) -> None:
        """See that jobs can be submitted.

        Raises:
            UsageError: submitit isn't installed, there is no SLURM, the folder can't be written, or
                a job is to run in this process.
        """
        if any(importlib.util.find_spec(each) is None for each in NEEDED):
            raise UsageError(f"launcher=slurm: needs submitit, which isn't installed: {INSTALL}")
        check_processes(configs, "slurm")
        self._queue.check()
        try:
            Path(self.folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"launcher.folder={self.folder}: {error.strerror}") from error
        if not os.access(self.folder, os.W_OK):
            raise UsageError(f"launcher.folder={self.folder}: can't be written; give another one")

    @property
    def places(self) -> int:
        """As many as nodes were asked for."""
        return self.nodes

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """A node that SLURM gives for the first job and that is asked for again by the others."""
        import submitit

        wanted = {
            "name": "multi-lora",
            "timeout_min": max(1, round(self.hours * 60)),
            "slurm_additional_parameters": {"no-requeue": True, **self.options},
        }
        with job_folder(Path(self.folder)) as folder:
            executor = submitit.AutoExecutor(folder, cluster=self.executor)
            yield SubmittedSeat(executor, folder, self._queue, wanted, self.cpus)

    @cached_property
    def _queue(self) -> queues.Queue:
        return QUEUES[self.executor]()
