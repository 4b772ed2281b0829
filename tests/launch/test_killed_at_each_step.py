"""Attempts begin, and parcels come back, whole or not at all, at whichever step one is killed."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from pipeline.launch.attempt import begin
from pipeline.launch.job import Job
from pipeline.launch.parcel import packed, unpack
from pipeline.tracking.lock import LOCK, claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}
"""What Python tells of files that are made, moved or removed."""

FORK = multiprocessing.get_context("fork")

RESULT = ("log.txt", "metrics.json", "profile/spans.json", "requests.jsonl", "trace.jsonl")


def job_in(folder: Path) -> Job:
    return Job({"engine": "a"}, None, RunDirectory(folder), ())  # type: ignore[arg-type]


def write(folder: Path, attempt: int) -> None:
    """The files of a result."""
    for name in RESULT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name} of attempt {attempt}")


def parcel(folder: Path, attempt: int) -> bytes:
    """What a node sends back of an attempt."""
    write(folder, attempt)
    RunDirectory(folder).write_status(Status("id", State.FINISHED, "then", "now", attempt=attempt))
    return packed(folder)


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do it in a process that dies before that step; False if it has fewer."""

    def dying() -> None:
        steps = count()

        def dies(event: str, _: object) -> None:
            if event in STEPS and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(dies)
        work()

    process = FORK.Process(target=dying)
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def check(folder: Path, attempt: int) -> None:
    """All files of that attempt, and nothing of whoever was killed."""
    for name in RESULT:
        assert (folder / name).read_text() == f"{name} of attempt {attempt}"


def hidden(folder: Path) -> set[str]:
    return {each.name for each in folder.rglob(".*")}


def test_a_result_is_whole_or_comes_again(tmp_path: Path) -> None:
    attempts = []
    for step in count():
        place = tmp_path / str(step)
        job = job_in(place / "run")
        here = job.directory
        with claimed(here.path):
            begin(job, "id")
            killed = killed_at(step, partial(unpack, parcel(place / "node", 1), here.path))
            if here.written_status().state is State.RUNNING:
                unpack(parcel(place / "node", begin(job, "id").attempt), here.path)
                earlier = RunDirectory(here.path / "earlier" / "1").written_status()
                assert (here.written_status().attempt, earlier.state) == (2, State.KILLED)
        attempts.append(here.written_status().attempt)
        check(here.path, attempts[-1])
        assert hidden(here.path) == {LOCK}, step
        if not killed:
            break
    assert attempts[0] == 2 and attempts[-2:] == [1, 1] and len(attempts) > 20


def test_an_attempt_begins_once(tmp_path: Path) -> None:
    for step in count():
        job = job_in(tmp_path / str(step))
        here = job.directory
        with claimed(here.path):
            first = killed_at(step, partial(begin, job, "id"))
            assert begin(job, "id").attempt in (1, 2), step
            assert hidden(here.path) == {LOCK}, step
            if not first:
                break
    assert step > 5


def test_an_attempt_that_was_killed_is_set_aside_once(tmp_path: Path) -> None:
    for step in count():
        job = job_in(tmp_path / str(step))
        here = job.directory
        with claimed(here.path):
            begin(job, "id")
            write(here.path, 1)
            killed = killed_at(step, partial(begin, job, "id"))
            number = begin(job, "id").attempt
            check(here.path / "earlier" / "1", 1)
            assert number in (2, 3) and hidden(here.path) == {LOCK}, step
            if not killed:
                break
    assert step > 10
