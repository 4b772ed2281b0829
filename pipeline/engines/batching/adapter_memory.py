"""Adapters in memory, within a budget: which are there, and which are on their way."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from enum import Enum, auto
from time import perf_counter
from typing import Generic

from pipeline.engines.batching.adapter_registry import AdapterGeneration, S, T
from pipeline.inference.occupancy import Residence


class Readiness(Enum):
    """What stands between a request and its adapter."""

    READY = auto()
    LOADING = auto()
    NO_ROOM = auto()


class AdapterMemory(Generic[S, T]):
    """Loads and frees adapters; for the thread that steps.

    Room is made before a load begins, so the budget holds at every moment, loads in flight
    included. What is pinned never leaves. Of the others the one goes that was wanted longest ago.

    A load that fails leaves nothing, and what can't be freed is still there and goes another time.

    Attributes:
        peak_used: of the budget, what was used when most was.
        load_s: seconds that loads took in all.
    """

    def __init__(
        self,
        load: Callable[[S], T],
        size: Callable[[S], int],
        budget: int | None,
        loader: Executor,
        free: Callable[[T], None],
        wake: Callable[[], None],
    ) -> None:
        """Nothing is loaded yet; what it is made of says `AdapterCache`."""
        self._load, self._size, self._budget, self._loader = load, size, budget, loader
        self._free, self._wake = free, wake
        self._resident: OrderedDict[AdapterGeneration[S, T], None] = OrderedDict()
        self._loading: dict[AdapterGeneration[S, T], Future[tuple[T, float]]] = {}
        self._loads = self._evictions = self.peak_used = 0
        self.load_s = 0.0

    @property
    def loading(self) -> bool:
        """Whether a load is in flight."""
        return bool(self._loading)

    @property
    def held(self) -> list[AdapterGeneration[S, T]]:
        """Those in memory and those on their way."""
        return [*self._resident, *self._loading]

    @property
    def used(self) -> int:
        """Of the budget, by what is in memory and what is being loaded."""
        return sum(self._size(each.source) for each in self.held)

    def holds(self, adapter: AdapterGeneration[S, T] | None) -> bool:
        """Whether a request for it needs no load; the base model, None, never does."""
        return adapter is None or adapter in self._resident

    def residence(self, adapter: AdapterGeneration[S, T]) -> Residence:
        """Where an adapter is."""
        if adapter in self._resident:
            return Residence.RESIDENT
        return Residence.LOADING if adapter in self._loading else Residence.DISK

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
            future = self._loading[adapter] = self._loader.submit(self._timed, adapter.source)
            future.add_done_callback(lambda _: self._wake())
            self.peak_used = max(self.peak_used, self.used)
        return Readiness.LOADING

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
        self._keep(adapter, self._loading.pop(adapter).result())

    def _timed(self, source: S) -> tuple[T, float]:
        """An adapter, read from disk, and the seconds that it took."""
        began = perf_counter()
        return self._load(source), perf_counter() - began

    def _keep(self, adapter: AdapterGeneration[S, T], loaded: tuple[T, float]) -> None:
        adapter.weights, seconds = loaded
        adapter.load_s += seconds
        self.load_s += seconds
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

    def _drop(self, adapter: AdapterGeneration[S, T]) -> None:
        if adapter.weights is not None:
            self._free(adapter.weights)
        del self._resident[adapter]
        adapter.weights = None
