"""Calls in processes of their own."""

import os

import pytest

from pipeline.process.child import Died
from pipeline.process.children import in_children


def twice(number):
    if number < 0:
        raise ValueError(f"{number} is below 0")
    return 2 * number, os.getpid()


def test_answers_come_in_order_each_from_a_process_of_its_own():
    found = [*in_children(twice, [(n,) for n in range(5)], most=2)]
    assert [each[0] for each in found] == [0, 2, 4, 6, 8]
    assert len({each[1] for each in found} | {os.getpid()}) == 6


def test_nothing_asked_is_nothing_answered():
    assert [*in_children(twice, [], most=3)] == []


def test_what_one_raises_is_raised():
    with pytest.raises(ValueError, match="-1 is below 0"):
        [*in_children(twice, [(1,), (-1,), (2,)], most=3)]


def test_a_process_that_dies_is_told():
    with pytest.raises(Died):
        [*in_children(os._exit, [(3,)], most=1)]
