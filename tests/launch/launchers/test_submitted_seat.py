"""Jobs that are submitted: the first finds a node, the others go there, a lost one says so."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.launch.launchers import submitted_seat as module
from pipeline.launch.launchers.queues import Processes, Standing
from pipeline.launch.launchers.seat import JobLost
from pipeline.launch.launchers.submitted_seat import SubmittedSeat
from pipeline.launch.remote_order import Order
from tests.waiting import until

ORDER: Order = {
    **{"values": {}, "status": {}, "root": "/", "code": "0", "cpus": None, "number": 0, "total": 1}
}  # type: ignore[typeddict-item]


class Queue(Processes):
    """One of nodes, that tells who is asked for."""

    def __init__(self, held: bool = True, serves: bool = True) -> None:
        self.held, self.up = held, serves
        self.asked: list[str | None] = []

    def standing(self, job: Any) -> Standing:
        return Standing(self.held)

    def serves(self, node: str) -> bool:
        return self.up

    def options(self, node: str | None, cpus: int | None) -> dict[str, Any]:
        self.asked.append(node)
        return {}


class Job:
    """One that has a result, or never gets one."""

    def __init__(self, folder: Path, result: tuple[str, bytes] | None, stderr: str = "") -> None:
        pickle = folder / "result.pkl"
        if result is not None:
            pickle.write_text("there")
        self.paths, self.job_id = SimpleNamespace(result_pickle=pickle), "17"
        self.result, self.stderr, self.cancelled = (lambda: result), (lambda: stderr), False

    def cancel(self, check: bool = True) -> None:
        self.cancelled = True


class Executor:
    """Gives the same job to everybody."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def update_parameters(self, **_: Any) -> None:
        pass

    def submit(self, *_: Any) -> Job:
        return self.job


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="submitit isn't installed")
    for name in ("LOOK_S", "ASK_S", "LATE_S"):
        monkeypatch.setattr(module, name, 0.01)


def test_jobs_after_the_first_ask_for_its_node(tmp_path: Path) -> None:
    queue, job = Queue(), Job(tmp_path, ("node-b", b"parcel"))
    seat = SubmittedSeat(Executor(job), tmp_path, queue, {}, None)
    assert [seat.carried_out(ORDER), seat.carried_out(ORDER)] == [b"parcel"] * 2
    assert (queue.asked, seat.name, seat.there) == ([None, "node-b"], "node-b", True)
    queue.up = False
    assert not seat.there


def test_a_job_that_is_gone_from_the_queue_is_lost(tmp_path: Path) -> None:
    job = Job(tmp_path, None, "slurmstepd: error: oom\n")
    seat = SubmittedSeat(Executor(job), tmp_path, Queue(held=False), {}, None)
    with pytest.raises(JobLost, match="job 17 has ended without a result: slurmstepd: error: oom"):
        seat.carried_out(ORDER)


def test_a_job_that_waits_for_a_node_that_is_gone_is_cancelled(tmp_path: Path) -> None:
    queue, job = Queue(), Job(tmp_path, ("node-b", b""))
    seat = SubmittedSeat(Executor(job), tmp_path, queue, {}, None)
    seat.carried_out(ORDER)
    job.paths.result_pickle.unlink()
    queue.up = False
    with pytest.raises(JobLost, match="node-b is gone"):
        seat.carried_out(ORDER)
    assert job.cancelled


def test_a_queue_that_answers_late_leaves_no_job_without_a_sign_of_life(tmp_path: Path) -> None:
    class Slow(Queue):
        def standing(self, job: Any) -> Standing:
            seen = (tmp_path / "pulse").read_text()
            until(lambda: (tmp_path / "pulse").read_text() not in ("", seen))
            return Standing(False)

    seat = SubmittedSeat(Executor(Job(tmp_path, None)), tmp_path, Slow(), {}, None)
    with pytest.raises(JobLost, match="it printed nothing"):
        seat.carried_out(ORDER)


def test_why_it_waits_is_told_and_when_it_has_begun(tmp_path: Path) -> None:
    """In the queue's words, for as long as it takes."""
    job, told = Job(tmp_path, None), list[str]()
    job.result = lambda: ("node-b", b"parcel")
    stands = iter([Standing(True, "Nodes are DOWN"), Standing(True, "Resources"), Standing(True)])

    class Full(Queue):
        def standing(self, job: Any) -> Standing:
            found = next(stands)
            if not found.waits:
                job.paths.result_pickle.write_text("there")
            return found

    seat = SubmittedSeat(Executor(job), tmp_path, Full(), {}, None)
    seat.tell = told.append
    assert seat.carried_out(ORDER) == b"parcel"
    assert told == ["Nodes are DOWN", "Resources", ""]


def test_who_leaves_cancels_what_runs(tmp_path: Path) -> None:
    job = Job(tmp_path, None)
    seat = SubmittedSeat(Executor(job), tmp_path, Queue(held=False), {}, None)
    with pytest.raises(JobLost):
        seat.carried_out(ORDER)
    seat.leave()
    seat.leave()
    assert job.cancelled
    with pytest.raises(JobLost, match="cancelled"):
        seat.carried_out(ORDER)
