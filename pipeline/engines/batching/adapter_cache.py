"""Adapters in memory, for every engine, and the claims of requests to them."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, wait

from pipeline.engines.batching.adapter_memory import AdapterMemory, Readiness
from pipeline.engines.batching.adapter_registry import (
    AdapterGeneration,
    AdapterRegistry,
    Lease,
    S,
    T,
)
from pipeline.errors import UsageError
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.failure import UnknownAdapter

_log = logging.getLogger(__name__)


class AdapterCache(AdapterMemory[S, T]):
    """Adapters in memory, and who was promised them; other threads may fill the registry meanwhile.

    Adapters of running requests are pinned. One that its name stands for no more is freed once
    nobody is left who was promised it.

    Whatever raises, nothing stays held: a lease is released as often as one likes.

    Attributes:
        registry: which adapters requests may name.
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
        super().__init__(load, size, budget, loader, free, wake)
        self.registry = registry
        self._retired: list[AdapterGeneration[S, T]] = []
        self._hits = self._lookups = 0

    @property
    def counts(self) -> AdapterCounts:
        """The totals so far; what is in effect, and so switches, is none of the cache's concern."""
        return AdapterCounts(
            0, self._loads, self._evictions, self._hits, self._lookups, self.load_s
        )

    def lease(self, name: str | None) -> Lease[T]:
        """A request comes; it will be served by what the name stands for now.

        Raises:
            UnknownAdapter: the name stands for nothing.
        """
        if name is None:
            return Lease()
        adapter = self.registry.get(name)
        if adapter is None:
            raise UnknownAdapter(f"adapter {name!r} isn't served by this engine")
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
            self._keep(adapter, self._timed(adapter.source))
            self.peak_used = used

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
        self.pin(lease)
        if lease.adapter is not None:
            self._lookups += 1
            self._hits += not missed
            lease.adapter.lookups += 1
            lease.adapter.hits += not missed

    def pin(self, lease: Lease[T]) -> None:
        """The same for a request that was counted before.

        Raises:
            KeyError: it isn't in memory.
        """
        if lease.adapter is None:
            return
        if lease.adapter not in self._resident:
            raise KeyError(lease.adapter.name)
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

    def _sweep(self) -> None:
        """Free those of the retired that nobody was promised.

        What is still being loaded, or can't be freed, is tried another time.
        """
        retired, self._retired = self._retired, []
        for adapter in retired:
            if adapter in self._loading:
                self._retired.append(adapter)
            elif adapter in self._resident and not adapter.leases:
                try:
                    self._drop(adapter)
                except Exception:
                    _log.exception("adapter %s can't be freed", adapter.name)
                    self._retired.append(adapter)
