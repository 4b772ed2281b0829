"""Threads that can't be had are told before a library aborts over them."""

import threading

import pytest

from pipeline.errors import UsageError
from pipeline.machine import cores
from pipeline.machine.cores import check_threads


def test_those_that_can_be_had_leave_nothing_behind():
    before = {*threading.enumerate()}
    check_threads(1)
    check_threads(8)
    assert {*threading.enumerate()} <= before


def test_those_that_cant_are_refused_in_one_line(monkeypatch):
    class Few(threading.Thread):
        made = 0

        def start(self):
            Few.made += 1
            if Few.made > 3:
                raise RuntimeError("can't start new thread")
            super().start()

    before = {*threading.enumerate()}
    monkeypatch.setattr(cores, "Thread", Few)
    with pytest.raises(UsageError, match=r"threads=9: this process may start no more than 4 \(can"):
        check_threads(9)
    assert {*threading.enumerate()} <= before
