"""Which adapters requests may name; any thread adds and removes them while an engine runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

S = TypeVar("S")
"""Where an adapter is loaded from."""

T = TypeVar("T")
"""A loaded adapter."""


@dataclass(slots=True, eq=False)
class AdapterGeneration(Generic[S, T]):
    """What a name stands for from when it is added until it is added anew or removed.

    All but `current` is for the thread that steps.

    Attributes:
        name: by which requests name it.
        source: where it is loaded from.
        current: whether requests may still name it.
        leases: requests in flight that were promised it; while there are any it can be loaded.
        pins: those of them that run; while there are any it stays in memory.
        loads: how often it was loaded.
        load_s: seconds that it took in all.
        lookups: requests that were admitted with it.
        hits: those of them that needn't have waited for a load.
        weights: it itself, while it is in memory.
    """

    name: str
    source: S
    current: bool = True
    leases: int = 0
    pins: int = 0
    loads: int = 0
    load_s: float = 0.0
    lookups: int = 0
    hits: int = 0
    weights: T | None = None


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


class AdapterRegistry(Mapping[str, AdapterGeneration[S, T]]):
    """The current generation of each name, in the order in which the names came.

    To add anew under a name begins a generation: requests that were promised the old one finish on
    it, later ones get the new one.
    """

    def __init__(self, sources: Mapping[str, S]) -> None:
        """With so many from the beginning, by name."""
        self._current: dict[str, AdapterGeneration[S, T]] = {
            name: AdapterGeneration(name, source) for name, source in sources.items()
        }
        self._retired: list[AdapterGeneration[S, T]] = []
        self._lock = Lock()

    def __getitem__(self, name: str) -> AdapterGeneration[S, T]:
        return self._current[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._current])

    def __len__(self) -> int:
        return len(self._current)

    @property
    def generations(self) -> list[AdapterGeneration[S, T]]:
        """The current ones, whatever other threads do meanwhile."""
        return [*self._current.values()]

    def add(self, name: str, source: S) -> None:
        """Let requests name it from now on; nothing is loaded yet."""
        added: AdapterGeneration[S, T] = AdapterGeneration(name, source)
        with self._lock:
            replaced = self._current.get(name)
            self._current[name] = added
            self._retire(replaced)

    def remove(self, name: str) -> None:
        """Refuse new requests for it; it is freed when those that were promised it have ended.

        Raises:
            KeyError: there is none of that name.
        """
        with self._lock:
            self._retire(self._current.pop(name))

    @property
    def has_retired(self) -> bool:
        """Whether `take_retired` would give any."""
        return bool(self._retired)

    def take_retired(self) -> list[AdapterGeneration[S, T]]:
        """Those that were replaced or removed since the last time."""
        with self._lock:
            taken, self._retired = self._retired, []
            return taken

    def _retire(self, generation: AdapterGeneration[S, T] | None) -> None:
        if generation is not None:
            generation.current = False
            self._retired.append(generation)
