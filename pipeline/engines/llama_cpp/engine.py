"""`engine=llama_cpp` and its kin: one model, one context, one adapter in effect at a time."""

from collections.abc import Callable
from collections.abc import Sequence as Rows
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from pipeline.adapters.adapter import Adapter
from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_loaders import StepLoader
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.engines.batching.caching import CachingEngine
from pipeline.engines.batching.continuous import ContinuousEngine, Work
from pipeline.engines.batching.intake import Intake
from pipeline.engines.batching.sequence import Sequence
from pipeline.engines.llama_cpp.batch import SlotChunk
from pipeline.engines.llama_cpp.build import backend
from pipeline.engines.llama_cpp.context import Context
from pipeline.engines.llama_cpp.files import Origin, adapter_file_of, files_of
from pipeline.engines.llama_cpp.library import Library, Room
from pipeline.engines.llama_cpp.log import LibraryLog
from pipeline.engines.llama_cpp.model import Model
from pipeline.engines.llama_cpp.options import LlamaCppOptions
from pipeline.engines.llama_cpp.runner import Runner
from pipeline.engines.llama_cpp.scheduler import SlotLimits, SlotScheduler, SlotSequence, groups
from pipeline.engines.settings import Serving
from pipeline.gguf.layout import longest
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.logprobs import chosen_logprobs
from pipeline.inference.occupancy import Occupancy
from pipeline.inference.request import Request

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LlamaCpp(ContinuousEngine, CachingEngine):
    """Lets requests join by its policy; then every adapter group takes a decode a step."""

    def __init__(
        self, settings: LlamaCppOptions, serving: Serving, library: Callable[[], Library]
    ) -> None:
        """Nothing is loaded yet.

        Args:
            settings: what is to be served, and how.
            serving: the model and the adapters.
            library: loads what computes, once the engine is entered.
        """
        super().__init__(settings, serving)
        self.settings, self._load_library = settings, library
        self._origin = Origin(
            settings.precision,
            settings.gguf,
            settings.adapters_gguf or {},
            settings.cache,
            settings.rank_multiple,
        )

    def __enter__(self) -> Self:
        settings, serving = self.settings, self.serving
        self._files = files_of(self._origin, serving)
        limit = min(settings.context, longest(serving.checkpoint.config))
        beyond = f"engine.context and the model have {limit}"
        self.adapters = AdapterRegistry(self._files.adapters)
        self.intake = Intake(serving.checkpoint, self.adapters, limit, beyond)
        self._library, places = self._load_library(), settings.max_batch_size
        log, model = LibraryLog(self._library), Model(self._library, self._files.base)
        adapts = bool(serving.adapters) or settings.capabilities.adds_adapters
        room = Room(serving.threads, places, settings.context, settings.exact, adapts)
        context = Context(model, room)
        self._runner = Runner(model, context, self.clock)
        self.cache = AdapterCache(
            self.adapters,
            load=self._runner.load,
            size=lambda _: 1,
            budget=settings.resident_adapters,
            loader=StepLoader(),
            free=self._runner.free,
        )
        self.cache.preload(self.adapters)
        log.quieten()
        limits = SlotLimits(places, settings.context, settings.resident_adapters)
        self.scheduler: SlotScheduler = SlotScheduler(
            settings.policy, limits, self.cache, self._runner.forget
        )
        return self

    def close(self) -> None:
        """Free the model."""
        self.cache.close()
        self._runner.close()

    @property
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went since the engine was entered."""
        return replace(self.cache.counts, switches=self._runner.active.switches)

    @property
    def occupancy(self) -> Occupancy:
        """A request that runs holds all the positions that it can ever need."""
        held = sum(each.positions for each in self.scheduler.running) / self.settings.context
        return replace(super().occupancy, kv_share=held)

    @property
    def backend(self) -> Backend:
        """As the library was compiled, and what the file holds."""
        return replace(backend(self._library), stand_ins=self._files.stand_ins)

    @property
    def weight_bytes(self) -> int:
        """All tensors of the GGUF file but an embedding that isn't the output layer too."""
        return self._files.read_bytes

    @property
    def model_bytes(self) -> int:
        """Size of the GGUF file, which is mapped into memory."""
        return self._files.base.stat().st_size

    def score(
        self, adapter: str | None, prompt_ids: Rows[int], continuation_ids: Rows[int]
    ) -> "NDArray[np.float32]":
        """All of the continuation in one decode.

        Raises:
            KeyError: the adapter was never given to this engine.
        """
        if adapter is not None and adapter not in self.adapters:
            raise KeyError(f"adapter {adapter!r} was never given to this engine")
        lease, slot = self.cache.lease(adapter), self.scheduler.free_slots[0]
        try:
            self.cache.require([lease])
            scores = self._runner.score(lease.adapter, slot, prompt_ids, continuation_ids)
        finally:
            self.cache.release(lease)
        if np.isnan(scores).any():
            self._wipe()
        return scores

    def _queue(self, request: Request, prompt: list[int]) -> None:
        self.scheduler.add(SlotSequence(request, prompt))

    def _source(self, adapter: Adapter) -> Path:
        return adapter_file_of(self._origin, adapter, self.serving.checkpoint.config)

    def _start(self, group: Rows[Sequence]) -> None:
        self.clock.enter("adapter_load")
        super()._start(group)
        self.clock.enter("other")

    def _work(self) -> Rows[Work]:
        """Every adapter's group by itself."""
        return [(group, partial(self._serve, group)) for group in groups(self.scheduler.running)]

    def _serve(self, group: Rows[SlotSequence]) -> None:
        """A token for each of those that share an adapter."""
        fresh = [each for each in group if not each.output]
        begun = [each for each in group if each.output]
        try:
            self._runner.switch(group[0].lease.adapter)
            self._decode("prefill", fresh)
            self._decode("decode", begun)
        except Exception:
            self._runner.active.forget()
            raise
        finally:
            self.clock.enter("other")

    def _decode(self, stage: str, sequences: Rows[SlotSequence]) -> None:
        """A token for each sequence, all from one decode."""
        if not sequences:
            return
        self.clock.enter(stage)
        logits = self._runner.decode([_chunk(each) for each in sequences])
        self.clock.enter("sample")
        ids = self._sampler.sample(logits, sequences)
        logprobs = chosen_logprobs(logits, sequences, ids)
        at = self.clock.enter("other")
        self._give(sequences, ids, at, logprobs)
        if None in ids:
            self._wipe()

    def _wipe(self) -> None:
        """Leave nothing in the KV cache but what is of those that have a token."""
        self._runner.wipe([each.slot for each in self.scheduler.running if each.output])


def _chunk(each: SlotSequence) -> SlotChunk:
    """What the model hasn't seen of a sequence: its prompt, or its last token."""
    if not each.output:
        return SlotChunk(each.slot, 0, each.prompt)
    return SlotChunk(each.slot, len(each.prompt) + len(each.output) - 1, each.output[-1:])
