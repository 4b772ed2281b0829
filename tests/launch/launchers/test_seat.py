"""Jobs that are sent elsewhere: whatever dies there, each has a status here that says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.load import load
from pipeline.errors import UsageError
from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import PlaceLost
from pipeline.launch.launchers.seat import JobLost, Seat
from pipeline.launch.remote_order import Order
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

Values = Callable[..., dict[str, Any]]


class Doomed(Seat):
    """Where every job ends in the same way."""

    def __init__(self, raises: BaseException | None = None, parcel: bytes = b"") -> None:
        self.name, self._raises, self._parcel = "node-a", raises, parcel

    @property
    def there(self) -> bool:
        return not isinstance(self._raises, PlaceLost)

    def carried_out(self, order: Order) -> bytes:
        if self._raises is not None:
            raise self._raises
        return self._parcel

    def leave(self) -> None:
        pass


@pytest.fixture
def job(tmp_path: Path, values: Values) -> Job:
    made = values("+experiment=smoke", "engine=noop", "tracking=none")
    return Job(made, load(made), RunDirectory(tmp_path / "0"), ())


@pytest.mark.parametrize(
    ("seat", "state", "cause"),
    [
        (Doomed(JobLost("its process has died")), State.KILLED, "node-a: its process has died"),
        (Doomed(UsageError("no such model")), State.FAILED, "node-a: no such model"),
        (Doomed(parcel=b"torn"), State.FAILED, "what came back is damaged"),
    ],
)
def test_what_dies_elsewhere_has_a_status_here(
    seat: Seat, state: State, cause: str, job: Job
) -> None:
    status = seat.attempt(job, "sweep/0", 0)
    assert status == job.directory.written_status()
    assert (status.state, status.id) == (state, "sweep/0")
    assert cause in (status.cause or "")
    assert seat.attempt(job, "sweep/0", 0).attempt == 2


def test_told_to_stop_the_job_is_killed_and_it_is_told_on(job: Job) -> None:
    with pytest.raises(KeyboardInterrupt):
        Doomed(KeyboardInterrupt("stopped by SIGINT")).attempt(job, "sweep/0", 0)
    assert job.directory.written_status().state is State.KILLED


def test_in_a_lost_place_nothing_is_begun(job: Job) -> None:
    with pytest.raises(PlaceLost, match="node-a is gone"):
        Doomed(PlaceLost("")).attempt(job, "sweep/0", 0)
    assert not job.directory.path.exists()
