"""An engine that batches requests, keeps adapters in memory and chooses tokens."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from pipeline.adapters.adapter import Adapter
from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.engines.batching.adapter_uses import adapter_uses
from pipeline.engines.batching.engine import BatchingEngine
from pipeline.engines.batching.sequence import Sequence
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.errors import UsageError, shown
from pipeline.inference.occupancy import Occupancy
from pipeline.inference.teacher import Teacher
from pipeline.inference.token_sampler import TokenSampler


class CachingEngine(BatchingEngine):
    """Adds, removes and takes in adapters; a subclass loads them, and puts them to use.

    A model is behind its answers, whose logits are for `_sampler` to choose from.

    Attributes:
        adapters: which adapters requests may name.
        cache: which of them are in memory.
    """

    adapters: AdapterRegistry[Any, Any]
    cache: AdapterCache[Any, Any]

    def __init__(self, settings: EngineSettings, serving: Serving) -> None:
        super().__init__(settings.capabilities, serving)
        self._sampler = TokenSampler(serving.checkpoint.config.end_ids)
        self._serves, self._opened, self._adding = settings.check, {**serving.adapters}, Lock()

    @property
    def occupancy(self) -> Occupancy:
        """Adapters as well."""
        uses, load_s = adapter_uses(self.cache, self._bytes), self.cache.load_s
        return replace(super().occupancy, adapters=uses, adapter_load_s=load_s)

    def _bytes(self, source: Any) -> int | None:
        """Memory that an adapter takes; None where that isn't known."""
        return None

    @abstractmethod
    def _source(self, adapter: Adapter) -> Any:
        """What the cache loads it from."""

    def _make_room(self, adapter: Adapter) -> None:
        """Have what one more adapter needs of the base as it is now; on the thread that adds it.

        Raises:
            UsageError: the base can't become that any more.
        """

    def add_adapter(self, name: str, folder: Path) -> None:
        """Once it has been opened, checked and made ready to be loaded, on the calling thread."""
        checkpoint = self.serving.checkpoint
        adapter = Adapter.open(name, folder, checkpoint.config).check_numbers()
        adapter.check_base(checkpoint)
        with self._adding:
            opened = {**self._opened, name: adapter}
            self._serves(checkpoint, opened)
            source = self._source(adapter)
            self._make_room(adapter)
            self.intake.add(adapter)
            self.adapters.add(name, source)
            self._opened = opened
        self.inbox.wake()

    def remove_adapter(self, name: str) -> None:
        """It is freed when the last request that was promised it has ended."""
        with self._adding:
            if name not in self.adapters:
                raise UsageError(f"adapter {shown(name)} isn't served by this engine")
            self.adapters.remove(name)
            del self._opened[name]
        self.inbox.wake()

    def teach(self, teacher: Teacher | None) -> bool:
        """Through the sampler."""
        self._sampler.teacher = teacher
        return True

    def wait(self, seconds: float | None = None) -> bool:
        """As every engine does; of requests in flight only loads can be waited for.

        Raises:
            RuntimeError: nothing is being loaded, so waiting would never end.
        """
        if self.busy and not self.cache.loading and not self.inbox.wait(0):
            raise RuntimeError("no adapter is being loaded, and yet nothing can go on")
        return super().wait(seconds)

    def _take(self) -> bool:
        took = super()._take()
        for adapter, cause in self.cache.collect().items():
            for sequence in self._of(adapter):
                self._drop(sequence)
                self._fail(sequence.request, f"adapter {adapter.name} can't be loaded: {cause}")
        return took

    def _of(self, adapter: Any) -> Iterable[Sequence]:
        return [each for each in self._open() if each.lease.adapter is adapter]
