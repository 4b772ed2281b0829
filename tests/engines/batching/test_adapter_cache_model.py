"""The cache against a simple model: whatever is asked, and whatever fails, nothing stays held."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_loaders import StepLoader
from pipeline.engines.batching.adapter_memory import Readiness
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.errors import UsageError
from tests.engines.conftest import ManualExecutor

SIZES = {"a": 1, "b": 2, "c": 3}
NAMES = st.sampled_from(sorted(SIZES))
PLACES = st.sampled_from([None, None, "load", "free", "size"])


class Failing:
    """Loads and frees what is a pair of a name and a generation, and fails where it is told to."""

    def __init__(self):
        self.planted, self.loaded, self.freed = set(), Counter(), Counter()

    def load(self, source):
        self._perhaps("load")
        self.loaded[source] += 1
        return source

    def free(self, weights):
        self._perhaps("free")
        self.freed[weights] += 1

    def size(self, source):
        self._perhaps("size")
        return SIZES[source[0]]

    def _perhaps(self, place):
        if place in self.planted:
            self.planted.remove(place)
            raise MemoryError("planted")


class Caching(RuleBasedStateMachine):
    """Requests come, run and go, names are added and removed, and memory runs out anywhere."""

    @initialize(budget=st.integers(3, 5) | st.none(), in_step=st.booleans())
    def begin(self, budget, in_step):
        self.disk, self.budget = Failing(), budget
        self.executor = StepLoader() if in_step else ManualExecutor()
        self.registry = AdapterRegistry({name: (name, 0) for name in SIZES})
        self.cache = AdapterCache(
            self.registry,
            self.disk.load,
            self.disk.size,
            budget,
            self.executor,
            free=self.disk.free,
        )
        self.cache.preload(SIZES)
        self.current = dict.fromkeys(SIZES, 0)
        self.count, self.leases = 0, []

    @rule(name=NAMES, again=st.sampled_from([True, True, False]))
    def change(self, name, again):
        if again:
            self.count += 1
            self.current[name] = self.count
            self.registry.add(name, (name, self.count))
        elif self.current.pop(name, None) is None:
            with pytest.raises(KeyError):
                self.registry.remove(name)
        else:
            self.registry.remove(name)

    @rule(name=NAMES, place=PLACES)
    def begin_one(self, name, place):
        """A request comes, and runs if its adapter is there or can be brought by now."""
        if name in self.current:
            lease = self.cache.lease(name)
            self.leases.append((lease, (name, self.current[name])))
            with self.failing(place):
                self.cache.prefetch(lease.adapter, ())
            self.step(None)
            if self.cache.holds(lease.adapter):
                self.cache.acquire(lease, missed=False)
        else:
            with pytest.raises(UsageError, match=f"adapter '{name}' isn't served"):
                self.cache.lease(name)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), place=PLACES)
    def send_for(self, data, place):
        lease, _ = data.draw(st.sampled_from(self.leases))
        with self.failing(place):
            self.cache.prefetch(lease.adapter, ())

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def run(self, data):
        lease, source = data.draw(st.sampled_from(self.leases))
        if lease.pinned:
            self.cache.unpin(lease)
            assert lease.weights is None
        elif self.cache.holds(lease.adapter):
            self.cache.acquire(lease, missed=False)
            assert lease.weights == source
        else:
            with pytest.raises(KeyError):
                self.cache.acquire(lease, missed=False)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), place=PLACES)
    def need_at_once(self, data, place):
        if isinstance(self.executor, StepLoader):
            some = [each for each, _ in data.draw(st.lists(st.sampled_from(self.leases)))]
            with self.failing(place, UsageError):
                self.cache.require(some)
                assert all(self.cache.holds(each.adapter) for each in some)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), place=st.sampled_from([None, None, "free"]))
    def go(self, data, place):
        index = data.draw(st.integers(0, len(self.leases) - 1))
        lease, _ = self.leases.pop(index)
        with self.failing(place):
            self.cache.release(lease)
        self.cache.release(lease)

    @rule(place=st.sampled_from([None, None, "load", "free"]))
    def step(self, place):
        with self.failing(place):
            while getattr(self.executor, "pending", ()):
                self.executor.run()
            self.cache.collect()

    @invariant()
    def budget_and_counts_hold(self):
        if not hasattr(self, "cache"):
            return
        assert self.budget is None or self.cache.used <= self.budget
        promised, pinned = Counter(), Counter()
        for lease, source in self.leases:
            assert lease.adapter.source == source
            promised[lease.adapter] += 1
            pinned[lease.adapter] += lease.pinned
            assert not lease.pinned or lease.weights == source
        for each in {*promised, *self.registry.values(), *self.cache._resident}:
            assert (each.leases, each.pins) == (promised[each], pinned[each])
            assert self.cache.holds(each) == (each.weights is not None)

    def teardown(self):
        if not hasattr(self, "cache"):
            return
        for lease, _ in self.leases:
            self.cache.release(lease)
        self.step(None)
        self.step(None)
        assert {each.source for each in self.cache._resident} <= {*self.current.items()}
        assert not self.cache.loading
        self.cache.close()
        assert self.disk.freed == self.disk.loaded

    def failing(self, place, *also):
        return Planted(self.disk, place, also)


class Planted:
    """A place that fails once; what it raises may come out."""

    def __init__(self, disk, place, also):
        self.disk, self.place, self.also = disk, place, also

    def __enter__(self):
        self.disk.planted = {self.place} - {None}

    def __exit__(self, kind, *_):
        self.disk.planted = set()
        return kind is not None and issubclass(kind, (MemoryError, *self.also))


Caching.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestCaching = Caching.TestCase


def test_a_step_loader_has_what_was_asked_at_once():
    registry = AdapterRegistry({"a": "a"})
    cache = AdapterCache(registry, str.upper, len, 1, StepLoader())
    assert cache.prefetch(registry["a"], ()) is Readiness.LOADING
    assert cache.collect() == {}
    assert cache.prefetch(registry["a"], ()) is Readiness.READY
