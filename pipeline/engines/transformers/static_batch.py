"""An engine that serves one batch from beginning to end before it forms the next."""

from abc import abstractmethod
from collections.abc import Collection, Hashable, Iterable, Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any

from pipeline.adapters.adapter import Adapter
from pipeline.engines.batching.active_adapter import ActiveAdapter
from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_loaders import StepLoader
from pipeline.engines.batching.adapter_registry import AdapterGeneration, AdapterRegistry
from pipeline.engines.batching.caching import CachingEngine
from pipeline.engines.batching.intake import Intake
from pipeline.engines.batching.sequence import Sequence
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.settings import StaticSettings
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.events import Event, Finished
from pipeline.inference.failure import not_finite
from pipeline.inference.logprobs import Logprobs
from pipeline.inference.request import Request


@dataclass(frozen=True)
class Output:
    """What a batch generated, one row a request, in the batch's order.

    Attributes:
        tokens: ids of every row.
        stamps: when the tokens of a step were there.
        broken_at: by row, its first token that stands for none: the logits weren't finite.
        logprobs: of every row's tokens; none where no row asked for them.
        cancelled: ids of the requests that were cancelled meanwhile.
    """

    tokens: Rows[Rows[int]]
    stamps: Rows[float]
    broken_at: Mapping[int, int] = field(default_factory=dict)
    logprobs: Rows[Rows[Logprobs | None]] = ()
    cancelled: Collection[Hashable] = ()

    def row(self, index: int) -> list[int]:
        """The tokens of a row up to where it broke."""
        return list(self.tokens[index][: self.broken_at.get(index)])


class StaticBatchEngine(CachingEngine):
    """Queue, policy, adapters and events; a subclass brings the model."""

    def __init__(self, settings: StaticSettings, serving: Serving) -> None:
        super().__init__(settings, serving)
        self.settings = settings
        self.adapters = AdapterRegistry(serving.adapters)
        self.intake = Intake(serving.checkpoint, self.adapters, served=serving.adapters)
        self._waiting: list[Sequence] = []
        self._active = ActiveAdapter()
        self.cache = AdapterCache(
            self.adapters,
            load=self.load_adapter,
            size=lambda _: 1,
            budget=settings.resident_adapters,
            loader=StepLoader(),
            free=self.free_adapter,
        )

    @abstractmethod
    def load_adapter(self, adapter: Adapter) -> Any:
        """Read an adapter from disk; what the engine knows it by once it is in memory."""

    @abstractmethod
    def free_adapter(self, loaded: Any) -> None:
        """Free an adapter's memory."""

    @abstractmethod
    def switch(self, loaded: Any) -> None:
        """Put an adapter that is in memory into effect, or for None the bare base model."""

    @abstractmethod
    def generate(self, batch: Rows[Sequence]) -> Output:
        """Run the batch through the model; row i answers sequence i."""

    @property
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went since the engine was entered."""
        return replace(self.cache.counts, switches=self._active.switches)

    def _queue(self, request: Request, prompt: list[int]) -> None:
        lease = self.cache.lease(request.adapter)
        self._waiting.append(Sequence(request, prompt, lease=lease))

    def _source(self, adapter: Adapter) -> Adapter:
        return adapter

    def _open(self) -> Iterable[Sequence]:
        return self._waiting

    def _drop(self, sequence: Sequence) -> None:
        self._waiting.remove(sequence)
        self.cache.release(sequence.lease)

    def _advance(self) -> bool:
        """Serve one batch from beginning to end; nothing is half done between steps."""
        if not self._waiting:
            return False
        batch = _of_one_generation(self.settings.next_batch(self._waiting))
        self._admitted(batch)
        self._attempt(batch, lambda: self._serve(batch))
        self.clock.enter("other")
        return True

    def _serve(self, batch: Rows[Sequence]) -> None:
        try:
            self._bring_adapters(batch)
            output = self.generate(batch)
        except Exception:
            self._active.forget()
            raise
        told = [self._events_of(each, row, output) for row, each in enumerate(batch)]
        for sequence, events in zip(batch, told, strict=True):
            self._drop(sequence)
            self._events += events

    def _bring_adapters(self, batch: Rows[Sequence]) -> None:
        self.clock.enter("adapter_load")
        self.cache.acquire_now([each.lease for each in batch])
        if not self.settings.capabilities.mixes_adapters:
            self.clock.enter("adapter_switch")
            self._put_in_effect(batch[0].lease.adapter)

    def _put_in_effect(self, adapter: AdapterGeneration[Adapter, Any] | None) -> None:
        """An adapter that is in memory, or the base model."""
        if self._active.activate(adapter):
            self.switch(adapter and adapter.weights)

    def _events_of(self, sequence: Sequence, row: int, output: Output) -> list[Event]:
        """What became of a row, which may have gone on past the end of its answer."""
        if sequence.id in output.cancelled:
            return [Finished.cancelled(sequence.id, output.stamps[-1])]
        events: list[Event] = []
        logprobs = output.logprobs[row] if output.logprobs else repeat(None)
        for id_, at, said in zip(output.row(row), output.stamps, logprobs, strict=False):
            token, reason = self._token(sequence, id_, at, said)
            events.append(token)
            if reason:
                text, by = self._text(sequence), sequence.stopped_by
                return [*events, Finished(sequence.id, at, reason, text, stopped_by=by)]
        why = not_finite(sequence.request, len(sequence.output))
        at = output.stamps[len(sequence.output)]
        return [*events, Finished.failed(sequence.id, at, why)]


def _of_one_generation(batch: Rows[Sequence]) -> list[Sequence]:
    """Those that mean the same by a name as the first of them that has it."""
    meant: dict[str | None, Any] = {}
    return [e for e in batch if meant.setdefault(e.adapter, e.lease.adapter) is e.lease.adapter]
