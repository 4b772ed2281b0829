"""Which adapters are in memory: least recently used goes first."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from pipeline.errors import UsageError
from pipeline.inference.adapter_counts import AdapterCounts

_UNKNOWN = object()


class AdapterResidency:
    """Keeps at most `capacity` adapters resident and counts what that costs."""

    def __init__(
        self,
        capacity: int | None,
        load: Callable[[str], None],
        unload: Callable[[str], None],
    ) -> None:
        self._capacity, self._load, self._unload = capacity, load, unload
        self._resident: OrderedDict[str, None] = OrderedDict()
        self._active: str | object | None = None
        self._switches = self._loads = self._evictions = self._hits = self._lookups = 0

    @property
    def counts(self) -> AdapterCounts:
        """The totals so far."""
        return AdapterCounts(
            self._switches, self._loads, self._evictions, self._hits, self._lookups
        )

    def preload(self, names: Iterable[str]) -> None:
        """Load the first adapters of `names`, as many as fit."""
        for name in list(names)[: self._capacity]:
            self._bring(name, frozenset())

    def look_up(self, names: Iterable[str | None]) -> None:
        """Count, for one batch of requests, whose adapter is resident as they are admitted."""
        for name in names:
            if name is not None:
                self._lookups += 1
                self._hits += name in self._resident

    def require(self, names: Iterable[str | None]) -> None:
        """Make all those adapters resident at once.

        Raises:
            UsageError: they are more than fit.
        """
        wanted = frozenset(name for name in names if name is not None)
        if self._capacity is not None and len(wanted) > self._capacity:
            raise UsageError(
                f"engine.resident_adapters={self._capacity}: a batch needs {len(wanted)}; raise it "
                "or lower workload.batch_size"
            )
        for name in sorted(wanted):
            self._bring(name, wanted)

    def activate(self, name: str | None) -> bool:
        """Note that `name` is now in effect; whether that is a change."""
        changed = name != self._active
        self._switches += changed
        self._active = name
        return changed

    def deactivate(self) -> None:
        """Note that it isn't known what is in effect, so that the next to be is put there anew."""
        self._active = _UNKNOWN

    def _bring(self, name: str, pinned: frozenset[str]) -> None:
        if name not in self._resident:
            while self._capacity is not None and len(self._resident) >= self._capacity:
                self._evict(pinned)
            self._load(name)
            self._loads += 1
            self._resident[name] = None
        self._resident.move_to_end(name)

    def _evict(self, pinned: frozenset[str]) -> None:
        oldest = next(each for each in self._resident if each not in pinned)
        del self._resident[oldest]
        if oldest == self._active:
            self.deactivate()
        self._unload(oldest)
        self._evictions += 1
