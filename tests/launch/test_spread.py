"""Blocks over the places of a launcher: each whole, in one of them, and every job once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.config.run_config import RunConfig
from pipeline.errors import UsageError
from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import Launcher, PlaceLost, Workplace
from pipeline.launch.launchers.local import Local
from pipeline.launch.spread import blocks_of, spread
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status


class Counting(Workplace):
    """One in which everything finishes."""

    def __init__(self, ran: list[int]) -> None:
        self.name, self._ran = "a place", ran

    def attempt(self, job: Job, id_: str, lock: int) -> Status:
        self._ran.append(job.number)
        return Status(id_, State.FINISHED, "2026-11-24T12:00:00+00:00")


class Counted(Launcher):
    """Places that note who ran in them."""

    def __init__(self, places: int) -> None:
        self._places, self._numbers = places, count()
        self.ran: dict[int, list[int]] = defaultdict(list)

    def check(self, configs: Sequence[RunConfig]) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True

    @property
    def places(self) -> int:
        return self._places

    @contextmanager
    def place(self) -> Iterator[Workplace]:
        yield Counting(self.ran[next(self._numbers)])


def jobs(repeats: int, traces: int, arms: int) -> list[Job]:
    cells = [(r, t) for r in range(repeats) for _ in range(arms) for t in range(traces)]
    made: list[Any] = [
        Job(
            {"model": {}, "workload": {"alpha": trace}},
            SimpleNamespace(repeat=repeat),  # type: ignore[arg-type]
            RunDirectory(Path(str(number))),
            (),
            number,
        )
        for number, (repeat, trace) in enumerate(cells)
    ]
    return made


def run(job: Job, place: Workplace) -> State | None:
    return place.attempt(job, str(job.number), 0).state


@pytest.mark.parametrize("places", [2, 3, 50])
def test_a_block_stays_whole_in_one_place_and_every_job_runs_once(places: int) -> None:
    asked, launcher = jobs(repeats=3, traces=4, arms=2), Counted(places)
    assert spread(asked, launcher, run) == [State.FINISHED] * 24
    ran = list(launcher.ran.values())
    assert sorted(number for place in ran for number in place) == list(range(24))
    where = {number: place for place, numbers in launcher.ran.items() for number in numbers}
    for block in blocks_of(asked):
        assert len(block) == 2
        assert len({where[job.number] for job in block}) == 1


def test_in_one_place_jobs_keep_their_order_whatever_they_ask() -> None:
    launcher = Counted(1)
    spread(jobs(2, 2, 2), launcher, run)
    assert launcher.ran == {0: list(range(8))}


def test_what_breaks_in_a_place_is_raised() -> None:
    def broken(job: Job, place: Workplace) -> State | None:
        raise RuntimeError("no such file")

    launcher = Counted(2)
    with pytest.raises(RuntimeError, match="no such file"):
        spread(jobs(2, 2, 2), launcher, broken)
    assert launcher.stopped, "what runs in the other places is ended"


def test_of_a_lost_place_the_block_goes_elsewhere_unless_it_had_begun() -> None:
    launcher = Counted(2)
    asked = jobs(repeats=3, traces=4, arms=2)
    lost: list[Workplace] = []

    def run_until_lost(job: Job, place: Workplace) -> State | None:
        if any(each is place for each in lost):
            raise PlaceLost("gone")
        state = run(job, place)
        if job.number == blocks_of(asked)[0][0].number:
            lost.append(place)
        return state

    ended = spread(asked, launcher, run_until_lost)
    assert Counter(ended) == {State.FINISHED: 23, None: 1}
    ran = sorted(number for numbers in launcher.ran.values() for number in numbers)
    left = blocks_of(asked)[0][1].number
    assert ran == [number for number in range(24) if number != left]


def test_in_the_only_place_nothing_more_is_run_when_it_is_lost() -> None:
    def run_first(job: Job, place: Workplace) -> State | None:
        if job.number:
            raise PlaceLost("gone")
        return run(job, place)

    assert spread(jobs(1, 3, 1), Counted(1), run_first) == [State.FINISHED, None, None]


def test_no_jobs_are_no_work() -> None:
    assert spread([], Counted(3), run) == []


def test_the_launcher_is_of_the_call_and_of_no_run(composed: Callable[..., Any]) -> None:
    plan = composed("-m +experiment=smoke engine=noop launcher=local repeat=0,1")
    assert plan.launcher == Local()
    for job in plan.jobs:
        assert "launcher" not in job.values
        assert not any(each.startswith("launcher") for each in job.overrides)


def test_hydras_own_launchers_are_refused_with_ours(composed: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="where jobs run is chosen by launcher="):
        composed("-m +experiment=smoke hydra/launcher=joblib repeat=0,1")
