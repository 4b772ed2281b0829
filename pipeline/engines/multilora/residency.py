"""Which adapters are in memory: loaded behind the decoding, least recently wanted out first."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, TypeVar

from pipeline.inference.adapter_counts import AdapterCounts

T = TypeVar("T")
"""A loaded adapter."""


class Readiness(Enum):
    """What stands between a request and its adapter."""

    READY = auto()
    LOADING = auto()
    NO_ROOM = auto()


@dataclass(slots=True)
class _Resident(Generic[T]):
    weights: T
    pins: int = 0


class Residency(Generic[T]):
    """Adapters within a budget of bytes.

    Room is made before a load begins, so the budget holds at every moment, loads in flight
    included. Adapters of running requests are pinned and never leave. Of the others the one goes
    that was wanted longest ago, by a waiting or a running request.

    Attributes:
        most: bytes used when most were.
    """

    def __init__(
        self,
        load: Callable[[str], T],
        size: Callable[[str], int],
        budget: int | None,
        executor: Executor,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            load: reads an adapter from disk; called in the executor.
            size: bytes an adapter takes, known before it is loaded.
            budget: most bytes in all; None for no limit.
            executor: where loads happen.
        """
        self._load, self._size, self._budget, self._executor = load, size, budget, executor
        self._resident: OrderedDict[str, _Resident[T]] = OrderedDict()
        self._loading: dict[str, Future[T]] = {}
        self._loads = self._evictions = self._hits = self._lookups = 0
        self.most = 0

    @property
    def counts(self) -> AdapterCounts:
        """The totals so far; nothing is ever switched, as there is no active adapter."""
        return AdapterCounts(0, self._loads, self._evictions, self._hits, self._lookups)

    @property
    def loading(self) -> bool:
        """Whether a load is in flight."""
        return bool(self._loading)

    @property
    def used(self) -> int:
        """Bytes of what is in memory and of what is being loaded."""
        return sum(map(self._size, [*self._resident, *self._loading]))

    def holds(self, name: str | None) -> bool:
        """Whether a request for it needs no load; the base model, None, never does."""
        return name is None or name in self._resident

    def weights(self, name: str) -> T | None:
        """Those of a resident adapter, for use before anything else happens; else None."""
        adapter = self._resident.get(name)
        return None if adapter is None else adapter.weights

    def preload(self, names: Iterable[str]) -> None:
        """Load the first adapters of `names` here and now, as many as fit."""
        used = 0
        for name in names:
            used += self._size(name)
            if self._budget is not None and used > self._budget:
                return
            self._resident[name] = _Resident(self._load(name))
            self._loads += 1
            self.most = used

    def want(self, name: str | None, keep: Collection[str | None]) -> Readiness:
        """Begin to load an adapter unless it is here or on its way.

        Args:
            name: the adapter; None, the base model, is always ready.
            keep: adapters that mustn't leave for it.
        """
        if name is None:
            return Readiness.READY
        if name in self._resident:
            self._resident.move_to_end(name)
            return Readiness.READY
        if name not in self._loading:
            if not self._make_room(self._size(name), keep):
                return Readiness.NO_ROOM
            self._loading[name] = self._executor.submit(self._load, name)
            self.most = max(self.most, self.used)
        return Readiness.LOADING

    def pin(self, name: str | None, missed: bool) -> T | None:
        """The weights of a resident adapter, which stays until it is unpinned as often.

        Counts one request as a hit or a miss, the base model's excepted.

        Args:
            name: the adapter; None gives None.
            missed: whether the request had to wait for a load.
        """
        if name is None:
            return None
        self._lookups += 1
        self._hits += not missed
        adapter = self._resident[name]
        adapter.pins += 1
        return adapter.weights

    def unpin(self, name: str | None) -> None:
        """A request that pinned it is done."""
        if name is not None:
            self._resident[name].pins -= 1
            self._resident.move_to_end(name)

    def collect(self) -> dict[str, str]:
        """Take in what has been loaded; why, for each adapter that couldn't be."""
        failed = {}
        for name in [name for name, future in self._loading.items() if future.done()]:
            future = self._loading.pop(name)
            if error := future.exception():
                failed[name] = " ".join(str(error).split()) or type(error).__name__
            else:
                self._resident[name] = _Resident(future.result())
                self._loads += 1
        return failed

    def wait(self) -> None:
        """Until a load in flight has ended.

        Raises:
            RuntimeError: there is none, so waiting would never end.
        """
        if not self._loading:
            raise RuntimeError("no adapter is being loaded, and yet nothing can go on")
        wait(self._loading.values(), return_when=FIRST_COMPLETED)

    def _make_room(self, needed: int, keep: Collection[str | None]) -> bool:
        if self._budget is None:
            return True
        excess = self.used + needed - self._budget
        victims = []
        for name, adapter in self._resident.items():
            if excess <= 0:
                break
            if not adapter.pins and name not in keep:
                victims.append(name)
                excess -= self._size(name)
        if excess > 0:
            return False
        for name in victims:
            del self._resident[name]
        self._evictions += len(victims)
        return True
