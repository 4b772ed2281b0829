from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from pipeline.engines.multilora.residency import Readiness, Residency

SIZES = {"a": 4, "b": 4, "c": 2, "d": 2, "huge": 100}


@pytest.fixture
def residency_of(executor):
    def make(budget, load=str.upper, on=executor):
        return Residency(load, SIZES.__getitem__, budget, on)

    return make


def test_the_base_model_is_always_ready_and_counts_as_nothing(residency_of):
    residency = residency_of(0)
    assert residency.want(None, ()) is Readiness.READY
    assert residency.pin(None, missed=False) is None
    residency.unpin(None)
    assert residency.counts.lookups == residency.used == 0


def test_preloading_stops_at_the_budget(residency_of):
    residency = residency_of(9)
    residency.preload(SIZES)
    assert [residency.holds(name) for name in SIZES] == [True, True, False, False, False]
    assert (residency.used, residency.counts.loads) == (8, 2)


def test_without_a_budget_everything_stays(residency_of):
    residency = residency_of(None)
    residency.preload(SIZES)
    assert all(map(residency.holds, SIZES))
    assert residency.weights("huge") == "HUGE"


def test_a_load_begins_at_once_and_ends_when_collected(residency_of, executor):
    residency = residency_of(8)
    assert residency.want("a", ()) is residency.want("a", ()) is Readiness.LOADING
    assert (residency.used, len(executor.pending)) == (4, 1)
    assert residency.collect() == {}
    executor.run()
    assert residency.collect() == {}
    assert residency.want("a", ()) is Readiness.READY
    assert residency.pin("a", missed=True) == "A"
    assert residency.counts.loads == residency.counts.lookups == 1
    assert residency.counts.hits == 0


def test_the_one_wanted_longest_ago_leaves(residency_of, executor):
    residency = residency_of(8)
    residency.preload("ab")
    residency.want("a", ())
    assert residency.want("c", ()) is Readiness.LOADING
    assert residency.holds("a")
    assert not residency.holds("b")
    assert residency.counts.evictions == 1


def test_pinned_and_kept_adapters_stay(residency_of):
    residency = residency_of(8)
    residency.preload("ab")
    residency.pin("a", missed=False)
    assert residency.want("c", {"b"}) is Readiness.NO_ROOM
    assert residency.holds("b")
    residency.unpin("a")
    assert residency.want("c", {"b"}) is Readiness.LOADING
    assert not residency.holds("a")


def test_too_little_room_evicts_nothing(residency_of):
    residency = residency_of(8)
    residency.preload("acd")
    residency.pin("a", missed=False)
    assert residency.want("b", {"c"}) is Readiness.NO_ROOM
    assert residency.holds("d")


def test_what_is_being_loaded_takes_room(residency_of, executor):
    residency = residency_of(8)
    residency.want("a", ())
    residency.want("b", ())
    assert residency.want("c", ()) is Readiness.NO_ROOM
    executor.run()
    residency.collect()
    assert residency.want("c", ()) is Readiness.LOADING
    assert not residency.holds("a")


def test_a_failed_load_is_reported_in_one_line_and_may_be_tried_again(residency_of, executor):
    def broken(name):
        raise OSError(f"{name}:\n  gone")

    residency = residency_of(8, broken)
    residency.want("a", ())
    executor.run()
    assert residency.collect() == {"a": "a: gone"}
    assert (residency.used, residency.counts.loads) == (0, 0)
    assert residency.want("a", ()) is Readiness.LOADING


def test_waiting_ends_with_the_first_load(residency_of):
    gate = Event()

    def load(name):
        assert name != "b" or gate.wait(60)
        return name

    with ThreadPoolExecutor(2) as pool:
        residency = residency_of(8, load, pool)
        residency.want("b", ())
        residency.want("a", ())
        residency.wait()
        residency.collect()
        assert residency.holds("a")
        assert residency.loading
        gate.set()
        residency.wait()
        residency.collect()
    assert residency.holds("b")


def test_waiting_for_nothing_is_an_error_not_a_hang(residency_of):
    with pytest.raises(RuntimeError, match="no adapter is being loaded"):
        residency_of(8).wait()


def test_the_most_bytes_are_remembered(residency_of, executor):
    residency = residency_of(8)
    residency.preload("a")
    assert residency.most == 4
    residency.want("c", ())
    assert residency.most == 6
    residency.want("b", ())
    assert (residency.most, residency.used) == (6, 6)
