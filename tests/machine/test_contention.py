"""Readings of files that Linux keeps, and of this process."""

import os
import time
from pathlib import Path

import pytest

from pipeline.machine.contention import Meter, ticks, waits

STAT = """cpu  100 0 0 100 0 0 0 50 0 0
cpu0 50 0 0 50 0 0 0 0 7 0
cpu1 40 5 5 0 0 0 0 50 0 0
intr 5
"""


def test_stolen_time_is_that_of_the_processors_in_the_mask(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(STAT)
    second = os.sysconf("SC_CLK_TCK")
    assert ticks((1,), stat) == (50 / second, 100 / second)
    assert ticks((0, 1), stat) == (50 / second, 200 / second)  # guests are in `user` already
    assert ticks((7,), stat) == (None, None)
    assert ticks((0,), tmp_path / "absent") == (None, None)


def test_waits_are_read_of_every_thread(tmp_path: Path) -> None:
    for thread, waited in ((11, 2_000_000_000), (12, 500_000_000)):
        (tmp_path / str(thread)).mkdir()
        (tmp_path / str(thread) / "schedstat").write_text(f"99 {waited} 7\n")
    assert waits(tmp_path) == {"11": 2.0, "12": 0.5}
    assert waits(tmp_path / "absent") == {}


def test_a_meter_adds_up_the_engines_calls_alone() -> None:
    meter = Meter()
    sum(range(200_000))  # not the engine's
    begun = time.process_time()
    sum(range(200_000))
    used = time.process_time() - begun
    meter.add(0.25, begun)
    meter.add(0.5, time.process_time())
    found = meter.read()
    assert found.busy_s == 0.75
    assert used <= found.used_s < time.process_time()
    if found.offered_s is not None and found.stolen_s is not None:
        assert 0 <= found.stolen_s <= found.offered_s


def test_a_thread_that_is_new_has_waited_since_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([{"1": 1.0, "2": 5.0}, {"1": 1.5, "3": 0.25}])
    monkeypatch.setattr("pipeline.machine.contention.waits", lambda: next(readings))
    assert Meter().read().waited_s == pytest.approx(0.75)


def test_where_nothing_is_counted_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.machine.contention.waits", dict)
    monkeypatch.setattr("pipeline.machine.contention.ticks", lambda _: (None, None))
    found = Meter().read()
    assert (found.waited_s, found.stolen_s, found.offered_s) == (None, None, None)
