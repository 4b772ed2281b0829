"""`launcher=local`: one job after another on this machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic.dataclasses import dataclass

from pipeline.config.run_config import RunConfig
from pipeline.launch.attempt import attempt
from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import Launcher, Workplace
from pipeline.settings import STRICT
from pipeline.tracking.status import Status


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Local(Launcher):
    """This machine, where jobs would only disturb each other if they ran at a time."""

    def check(self, configs: Sequence[RunConfig]) -> None:
        """Nothing: what a job needs of this machine is checked for each of them."""

    @property
    def places(self) -> int:
        """One."""
        return 1

    @contextmanager
    def place(self) -> Iterator[Workplace]:
        """This process, which starts one a job."""
        yield Here()

    def stop(self) -> None:
        """Nothing: what runs here ends with this process's own wait for it."""


class Here(Workplace):
    """This machine."""

    name = "this machine"

    def attempt(self, job: Job, id_: str, lock: int) -> Status:
        """As `pipeline.launch.attempt` does."""
        return attempt(job, id_, lock)
