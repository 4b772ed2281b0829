"""Seats are taken and left in one way, whatever is behind them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from pipeline.config.run_config import RunConfig
from pipeline.launch.launchers.ray_cluster import RayCluster
from pipeline.launch.launchers.seat import Seat
from pipeline.launch.launchers.seated import Seated
from pipeline.launch.launchers.slurm import Slurm
from pipeline.launch.remote_order import Order


class Chair(Seat):
    """Tells what was done with it."""

    def __init__(self, told: list[str]) -> None:
        self.name, self._told = "a chair", told

    @property
    def there(self) -> bool:
        return True

    def carried_out(self, order: Order) -> bytes:
        raise AssertionError("nothing is sent here")

    def leave(self) -> None:
        self._told.append("left")


class Room(Seated):
    """One that has a chair for everybody."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def check(self, configs: Sequence[RunConfig]) -> None:
        pass

    @property
    def places(self) -> int:
        return 2

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        self.told.append("taken")
        try:
            yield Chair(self.told)
        finally:
            self.told.append("free")


def test_a_seat_is_left_before_it_is_free_for_others() -> None:
    room = Room()
    with room.place() as place:
        assert place.name == "a chair"
    assert room.told == ["taken", "left", "free"]


def test_so_it_is_when_what_runs_there_raises() -> None:
    room = Room()
    with pytest.raises(KeyboardInterrupt), room.place():
        raise KeyboardInterrupt
    assert room.told == ["taken", "left", "free"]


def test_the_list_of_seats_is_there_before_two_threads_can_make_one_each() -> None:
    """From Python 3.12 on nothing keeps them from it where it is made on first use."""
    for launcher in (Room(), Slurm(folder="/nowhere"), RayCluster()):
        assert vars(launcher)["_taken"] == []


def test_to_stop_ends_what_runs_in_all_that_are_taken_and_in_no_other() -> None:
    room = Room()
    room.stop()
    with room.place(), room.place():
        room.stop()
        assert room.told == ["taken", "taken", "left", "left"]
    room.stop()
    assert room.told[4:] == ["left", "free", "left", "free"]
