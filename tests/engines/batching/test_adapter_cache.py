import pytest

from pipeline.engines.batching.active_adapter import ActiveAdapter
from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_memory import Readiness
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.errors import UsageError

SIZES = {"a": 4, "b": 4, "c": 2, "d": 2, "huge": 100}


@pytest.fixture
def cache_of(executor):
    def make(budget, load=str.upper, on=executor):
        registry = AdapterRegistry({name: name for name in SIZES})
        return AdapterCache(registry, load, SIZES.__getitem__, budget, on)

    return make


def prefetch(cache, name, *keep):
    adapter = None if name is None else cache.registry[name]
    return cache.prefetch(adapter, {cache.registry[each] for each in keep})


def holds(cache, name):
    return cache.holds(cache.registry[name])


def acquired(cache, name, missed=False):
    lease = cache.lease(name)
    cache.acquire(lease, missed=missed)
    return lease


def test_the_base_model_is_always_ready_and_counts_as_nothing(cache_of):
    cache = cache_of(0)
    assert prefetch(cache, None) is Readiness.READY
    lease = acquired(cache, None)
    assert lease.weights is None
    cache.release(lease)
    assert cache.counts.lookups == cache.used == 0


def test_preloading_stops_at_the_budget(cache_of):
    cache = cache_of(9)
    cache.preload(SIZES)
    assert [holds(cache, name) for name in SIZES] == [True, True, False, False, False]
    assert (cache.used, cache.counts.loads) == (8, 2)


def test_without_a_budget_everything_stays(cache_of):
    cache = cache_of(None)
    cache.preload(SIZES)
    assert all(holds(cache, name) for name in SIZES)
    assert cache.read("huge") == "HUGE"


def test_a_load_begins_at_once_and_ends_when_collected(cache_of, executor):
    cache = cache_of(8)
    assert prefetch(cache, "a") is prefetch(cache, "a") is Readiness.LOADING
    assert (cache.used, len(executor.pending)) == (4, 1)
    assert cache.collect() == {}
    executor.run()
    assert cache.collect() == {}
    assert prefetch(cache, "a") is Readiness.READY
    assert acquired(cache, "a", missed=True).weights == "A"
    assert cache.counts.loads == cache.counts.lookups == 1
    assert cache.counts.hits == 0


def test_the_one_wanted_longest_ago_leaves(cache_of, executor):
    cache = cache_of(8)
    cache.preload("ab")
    prefetch(cache, "a")
    assert prefetch(cache, "c") is Readiness.LOADING
    assert holds(cache, "a")
    assert not holds(cache, "b")
    assert cache.counts.evictions == 1


def test_pinned_and_kept_adapters_stay(cache_of):
    cache = cache_of(8)
    cache.preload("ab")
    lease = acquired(cache, "a")
    assert prefetch(cache, "c", "b") is Readiness.NO_ROOM
    assert holds(cache, "b")
    cache.release(lease)
    assert prefetch(cache, "c", "b") is Readiness.LOADING
    assert not holds(cache, "a")


def test_too_little_room_evicts_nothing(cache_of):
    cache = cache_of(8)
    cache.preload("acd")
    acquired(cache, "a")
    assert prefetch(cache, "b", "c") is Readiness.NO_ROOM
    assert holds(cache, "d")


def test_what_is_being_loaded_takes_room(cache_of, executor):
    cache = cache_of(8)
    prefetch(cache, "a")
    prefetch(cache, "b")
    assert prefetch(cache, "c") is Readiness.NO_ROOM
    executor.run()
    cache.collect()
    assert prefetch(cache, "c") is Readiness.LOADING
    assert not holds(cache, "a")


def test_a_failed_load_is_reported_in_one_line_and_may_be_tried_again(cache_of, executor):
    def broken(name):
        raise OSError(f"{name}:\n  gone")

    cache = cache_of(8, broken)
    prefetch(cache, "a")
    executor.run()
    assert cache.collect() == {cache.registry["a"]: "a: gone"}
    assert (cache.used, cache.counts.loads) == (0, 0)
    assert prefetch(cache, "a") is Readiness.LOADING


def test_the_most_bytes_are_remembered(cache_of, executor):
    cache = cache_of(8)
    cache.preload("a")
    assert cache.peak_used == 4
    prefetch(cache, "c")
    assert cache.peak_used == 6
    prefetch(cache, "b")
    assert (cache.peak_used, cache.used) == (6, 6)


def test_added_anew_a_name_means_another_adapter_to_those_that_come_later(cache_of, executor):
    cache = cache_of(8)
    cache.preload("a")
    runs, waits = acquired(cache, "a"), cache.lease("a")
    cache.registry.add("a", "b")
    cache.collect()
    late = cache.lease("a")
    cache.prefetch(late.adapter, ())
    executor.run()
    assert cache.collect() == {}
    for lease in (waits, late):
        cache.acquire(lease, missed=False)
    assert [each.weights for each in (runs, waits, late)] == ["A", "A", "B"]
    assert cache.used == 8
    cache.release(runs)
    assert waits.weights == "A"
    cache.release(waits)
    assert (cache.used, late.weights) == (4, "B")


def test_removed_an_adapter_is_refused_by_name_and_leaves_with_its_last_request(cache_of):
    cache = cache_of(8)
    cache.preload("ab")
    lease = acquired(cache, "a")
    cache.registry.remove("a")
    with pytest.raises(UsageError, match="adapter 'a' isn't served"):
        cache.lease("a")
    cache.collect()
    assert (cache.used, lease.weights) == (8, "A")
    cache.release(lease)
    cache.release(lease)
    assert cache.used == 4
    with pytest.raises(KeyError):
        cache.registry.remove("a")


def test_what_was_promised_is_loaded_though_it_was_removed_meanwhile(cache_of, executor):
    cache = cache_of(8)
    lease = cache.lease("a")
    cache.registry.remove("a")
    cache.collect()
    cache.prefetch(lease.adapter, ())
    executor.run()
    cache.collect()
    cache.acquire(lease, missed=True)
    assert lease.weights == "A"
    cache.release(lease)
    assert cache.used == 0


def test_what_nobody_was_promised_leaves_at_the_next_look(cache_of, executor):
    cache = cache_of(8)
    cache.preload("a")
    prefetch(cache, "b")
    for name in "ab":
        cache.registry.remove(name)
    executor.run()
    cache.collect()
    assert cache.used == 0
    assert list(cache.registry) == ["c", "d", "huge"]


def test_what_is_given_up_while_it_loads_leaves_when_it_has_come(cache_of, executor):
    cache = cache_of(8)
    lease = cache.lease("a")
    cache.prefetch(lease.adapter, ())
    cache.registry.remove("a")
    cache.collect()
    cache.release(lease)
    assert cache.used == 4
    executor.run()
    assert cache.collect() == {}
    assert cache.used == 0


def test_the_end_of_a_load_wakes_whoever_waits(executor):
    woken = []
    registry = AdapterRegistry({"a": "a"})
    cache = AdapterCache(registry, str.upper, len, None, executor, wake=lambda: woken.append(True))
    prefetch(cache, "a")
    assert not woken
    executor.run()
    assert woken


def test_another_adapter_is_in_effect_once_it_left_memory_and_came_back(cache_of, executor):
    cache, active = cache_of(4), ActiveAdapter()
    a, b = (cache.registry[name] for name in "ab")
    assert not active.activate(None)
    for adapter in (a, b, a):
        cache.prefetch(adapter, ())
        executor.run()
        cache.collect()
        assert active.activate(adapter)
        assert not active.activate(adapter)
    active.forget()
    assert active.activate(a)
    assert active.switches == 4
