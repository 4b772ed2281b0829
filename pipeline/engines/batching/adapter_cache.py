"""Adapters in memory, for every engine: within a budget, least recently wanted out first."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic

from pipeline.engines.batching.adapter_registry import AdapterGeneration, AdapterRegistry, S, T
from pipeline.errors import UsageError
from pipeline.inference.adapter_counts import AdapterCounts

_log = logging.getLogger(__name__)


class Readiness(Enum):
    """What stands between a request and its adapter."""

    READY = auto()
    LOADING = auto()
    NO_ROOM = auto()


@dataclass(slots=True, eq=False)
class Lease(Generic[T]):
    """A request's claim to the adapter that its name stood for when it came.

    Attributes:
        adapter: which; None for the base model.
        pinned: whether the request runs, so that the adapter stays in memory.
    """

    adapter: AdapterGeneration[Any, T] | None = None
    pinned: bool = False

    @property
    def weights(self) -> T | None:
        """The adapter's, while it is pinned; None for the base model."""
        return self.adapter.weights if self.adapter and self.pinned else None


class AdapterCache(Generic[S, T]):
    """Which adapters are in memory; for the thread that steps, while others may fill the registry.

    Room is made before a load begins, so the budget holds at every moment, loads in flight
    included. Adapters of running requests are pinned and never leave. Of the others the one goes
    that was wanted longest ago, by a waiting or a running request.

    Whatever raises, nothing stays held: a lease is released as often as one likes, a load that
    fails leaves nothing, and what can't be freed is still there and goes another time.

    Attributes:
        registry: which adapters requests may name.
        peak_used: of the budget, what was used when most was.
    """

    def __init__(
        self,
        registry: AdapterRegistry[S, T],
        load: Callable[[S], T],
        size: Callable[[S], int],
        budget: int | None,
        loader: Executor,
        *,
        free: Callable[[T], None] = lambda _: None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            registry: which adapters there are.
            load: reads an adapter from disk; called in the loader.
            size: what an adapter takes of the budget, known before it is loaded.
            budget: most in all, in bytes or in adapters; None for no limit.
            loader: where loads happen.
            free: gives back what `load` took, where dropping it isn't enough.
            wake: called whenever a load has ended, from the loader's thread.
        """
        self.registry = registry
        self._load, self._size, self._budget, self._loader = load, size, budget, loader
        self._free, self._wake = free, wake
        self._resident: OrderedDict[AdapterGeneration[S, T], None] = OrderedDict()
        self._loading: dict[AdapterGeneration[S, T], Future[T]] = {}
        self._retired: list[AdapterGeneration[S, T]] = []
        self._loads = self._evictions = self._hits = self._lookups = 0
        self.peak_used = 0

    @property
    def counts(self) -> AdapterCounts:
        """The totals so far; what is in effect, and so switches, is none of the cache's concern."""
        return AdapterCounts(0, self._loads, self._evictions, self._hits, self._lookups)

    @property
    def loading(self) -> bool:
        """Whether a load is in flight."""
        return bool(self._loading)

    @property
    def used(self) -> int:
        """Of the budget, by what is in memory and what is being loaded."""
        return sum(self._size(each.source) for each in (*self._resident, *self._loading))

    def holds(self, adapter: AdapterGeneration[S, T] | None) -> bool:
        """Whether a request for it needs no load; the base model, None, never does."""
        return adapter is None or adapter in self._resident

    def lease(self, name: str | None) -> Lease[T]:
        """A request comes; it will be served by what the name stands for now.

        Raises:
            UsageError: the name stands for nothing.
        """
        if name is None:
            return Lease()
        adapter = self.registry.get(name)
        if adapter is None:
            raise UsageError(f"adapter {name!r} isn't served by this engine")
        lease: Lease[T] = Lease(adapter)
        adapter.leases += 1
        return lease

    def preload(self, names: Iterable[str]) -> None:
        """Load the first adapters of `names` here and now, as many as fit."""
        used = 0
        for adapter in [self.registry[name] for name in names]:
            used += self._size(adapter.source)
            if self._budget is not None and used > self._budget:
                return
            self._keep(adapter, self._load(adapter.source))
            self.peak_used = used

    def prefetch(
        self,
        adapter: AdapterGeneration[S, T] | None,
        keep: Collection[AdapterGeneration[S, T] | None],
    ) -> Readiness:
        """Begin to load an adapter unless it is here or on its way.

        Args:
            adapter: which; None, the base model, is always ready.
            keep: adapters that mustn't leave for it.
        """
        if adapter is None:
            return Readiness.READY
        if adapter in self._resident:
            self._resident.move_to_end(adapter)
            return Readiness.READY
        if adapter not in self._loading:
            if not self._make_room(self._size(adapter.source), keep):
                return Readiness.NO_ROOM
            future = self._loading[adapter] = self._loader.submit(self._load, adapter.source)
            future.add_done_callback(lambda _: self._wake())
            self.peak_used = max(self.peak_used, self.used)
        return Readiness.LOADING

    def require(self, leases: Iterable[Lease[T]]) -> None:
        """Have the adapters of all those in memory at once; returns when they are.

        Raises:
            UsageError: they are more than fit.
            Exception: what loading one of them raised.
        """
        wanted = {each.adapter for each in leases if each.adapter is not None}
        for adapter in sorted(wanted, key=lambda each: each.name):
            if self.prefetch(adapter, wanted) is Readiness.NO_ROOM:
                raise UsageError(
                    f"engine.resident_adapters={self._budget}: a batch needs {len(wanted)}; raise "
                    "it or lower workload.batch_size"
                )
            if adapter in self._loading:
                wait([self._loading[adapter]])
                self._land(adapter)

    def acquire(self, lease: Lease[T], *, missed: bool) -> None:
        """Pin an adapter that is in memory: it stays until the lease is released.

        Counts one request as a hit or a miss, the base model's excepted.

        Args:
            lease: the request's.
            missed: whether the request had to wait for a load.

        Raises:
            KeyError: it isn't in memory.
        """
        if lease.adapter is None:
            return
        if lease.adapter not in self._resident:
            raise KeyError(lease.adapter.name)
        self._lookups += 1
        self._hits += not missed
        lease.adapter.pins += 1
        lease.pinned = True

    def acquire_now(self, joining: Iterable[Lease[T]], beside: Iterable[Lease[T]] = ()) -> None:
        """Pin the adapters of all those, once what isn't in memory has been loaded.

        Args:
            joining: those to pin; a hit is who needn't have waited.
            beside: others whose adapters mustn't leave, and were wanted just now too.

        Raises:
            UsageError: they are more than fit.
            Exception: what loading one of them raised; none is pinned then.
        """
        new = [*joining]
        missed = [not self.holds(each.adapter) for each in new]
        self.require([*beside, *new])
        for lease, was_missed in zip(new, missed, strict=True):
            self.acquire(lease, missed=was_missed)

    def touch(self, lease: Lease[T]) -> None:
        """Its adapter was wanted just now, so that others go first."""
        if lease.adapter is not None and lease.adapter in self._resident:
            self._resident.move_to_end(lease.adapter)

    def unpin(self, lease: Lease[T]) -> None:
        """A request doesn't run any more, or not yet; it keeps its claim."""
        if lease.adapter is not None and lease.pinned:
            lease.adapter.pins -= 1
            lease.pinned = False

    def release(self, lease: Lease[T]) -> None:
        """A request is done, whether it ran or not; it holds nothing any more."""
        self.unpin(lease)
        adapter, lease.adapter = lease.adapter, None
        if adapter is None:
            return
        adapter.leases -= 1
        if not (adapter.current or adapter.leases):
            self._retired.append(adapter)
            self._sweep()

    def collect(self) -> dict[AdapterGeneration[S, T], str]:
        """Take in what has been loaded, let go what was removed.

        Returns:
            Why, for each adapter that couldn't be loaded.
        """
        failed = {}
        for adapter in [each for each, future in self._loading.items() if future.done()]:
            try:
                self._land(adapter)
            except Exception as error:
                failed[adapter] = " ".join(str(error).split()) or type(error).__name__
        if self._retired or self.registry.has_retired:
            self._retired += self.registry.take_retired()
            self._sweep()
        return failed

    def read(self, name: str) -> T:
        """An adapter for a moment: the one in memory, or else read and not kept.

        Raises:
            KeyError: the name stands for nothing.
        """
        adapter = self.registry[name]
        return self._load(adapter.source) if adapter.weights is None else adapter.weights

    def close(self) -> None:
        """Free all that is in memory, once what is being loaded has come to its end."""
        self._loader.shutdown(cancel_futures=True)
        for adapter, future in [*self._loading.items()]:
            if future.done() and not (future.cancelled() or future.exception()):
                self._land(adapter)
        for adapter in [*self._resident]:
            self._drop(adapter)

    def _land(self, adapter: AdapterGeneration[S, T]) -> None:
        """Of a load that has ended; raises what it raised."""
        weights = self._loading.pop(adapter).result()
        self._keep(adapter, weights)
        if not (adapter.current or adapter.leases):
            self._retired.append(adapter)

    def _keep(self, adapter: AdapterGeneration[S, T], weights: T) -> None:
        adapter.weights = weights
        self._resident[adapter] = None
        adapter.loads += 1
        self._loads += 1

    def _make_room(self, needed: int, keep: Collection[AdapterGeneration[S, T] | None]) -> bool:
        if self._budget is None:
            return True
        excess = self.used + needed - self._budget
        victims = []
        for adapter in self._resident:
            if excess <= 0:
                break
            if not adapter.pins and adapter not in keep:
                victims.append(adapter)
                excess -= self._size(adapter.source)
        if excess > 0:
            return False
        for adapter in victims:
            self._drop(adapter)
            self._evictions += 1
        return True

    def _sweep(self) -> None:
        """Free those of the retired that nobody was promised; what fails is tried another time."""
        retired, self._retired = self._retired, []
        for adapter in retired:
            if adapter in self._resident and not adapter.leases:
                try:
                    self._drop(adapter)
                except Exception:
                    _log.exception("adapter %s can't be freed", adapter.name)
                    self._retired.append(adapter)

    def _drop(self, adapter: AdapterGeneration[S, T]) -> None:
        if adapter.weights is not None:
            self._free(adapter.weights)
        del self._resident[adapter]
        adapter.weights = None
