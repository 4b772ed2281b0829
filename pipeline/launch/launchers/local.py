"""`launcher=local`: one job after another on this machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic.dataclasses import dataclass

from pipeline.config.run_config import RunConfig
from pipeline.launch.attempt import attempt
from pipeline.launch.launchers.launcher import Attempt, Launcher
from pipeline.settings import STRICT


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
    def place(self) -> Iterator[Attempt]:
        """This process, which starts one a job."""
        yield attempt

    def stop(self) -> None:
        """Nothing: what runs here ends with this process's own wait for it."""
