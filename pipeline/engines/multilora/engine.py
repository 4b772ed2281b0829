"""Our own engine: admit, plan, forward, sample, emit."""

from collections.abc import Sequence as Rows
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import torch

from pipeline.adapters.adapter import Adapter
from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_loaders import background_loader
from pipeline.engines.batching.adapter_registry import AdapterGeneration, AdapterRegistry
from pipeline.engines.batching.caching import CachingEngine
from pipeline.engines.batching.continuous import ContinuousEngine, Work
from pipeline.engines.batching.intake import Intake
from pipeline.engines.multilora.assembly import assemble, by_adapter, score
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.kv_cache import pool_tokens
from pipeline.engines.multilora.lora import AdapterFile
from pipeline.engines.multilora.options import MultiloraOptions
from pipeline.engines.multilora.prompt_scores import score_prompts, told_scores
from pipeline.engines.multilora.step_stages import StepStages
from pipeline.engines.multilora.weight_cache import WeightCache
from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.paged.block_tables import BlockTables
from pipeline.engines.paged.prefix_cache import PrefixCache
from pipeline.engines.paged.scheduler import PagedScheduler
from pipeline.engines.paged.sequence import Chunk, PagedSequence
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.files.stamp import stamp
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.kv_counts import KvCounts
from pipeline.inference.logprobs import Logprobs, chosen_logprobs
from pipeline.inference.occupancy import Occupancy
from pipeline.inference.own_ids import bound
from pipeline.inference.request import Request
from pipeline.kernels.choice import kernels_for
from pipeline.kernels.packed_adapter import PackedAdapter
from pipeline.kernels.step_times import StepTimes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Multilora(ContinuousEngine, CachingEngine):
    """Continuous batching, all adapters in one forward pass.

    Stages: `adapter_load` is the time in which nothing else could be done; loads behind a running
    forward pass cost no stage. How mixed steps are booked says `StepStages`.
    """

    def __init__(self, settings: MultiloraOptions, serving: Serving) -> None:
        super().__init__(settings, serving)
        self.settings = settings
        self._stages = StepStages(self.clock)
        self.adapters: AdapterRegistry[AdapterFile, PackedAdapter] = AdapterRegistry(
            {name: self._source(adapter) for name, adapter in serving.adapters.items()}
        )

    def __enter__(self) -> Self:
        settings, serving = self.settings, self.serving
        torch.set_num_threads(serving.threads)
        kernels = kernels_for(serving.threads, settings.kernels)
        tokens = settings.prefill_tokens + settings.max_batch_size
        self._stamps = [*map(stamp, serving.checkpoint.weights.files)]
        self._decoder = Decoder.load(
            serving.checkpoint,
            settings.precision,
            kernels,
            settings.activations,
            tokens,
            WeightCache.within(settings.cache, serving.threads),
            settings.kv_dtype,
            serving.vocabulary,
        )
        model, places = serving.checkpoint.config, settings.max_batch_size
        positions = pool_tokens(model, settings.kv_dtype, places, settings.kv_tokens)
        self._pool = self._decoder.new_pool(positions)
        self._allocator = BlockAllocator(self._pool.blocks, self._pool.block_size)
        tables = PrefixCache if settings.prefix_cache else BlockTables
        self._blocks = tables(self._allocator)
        capacity = self._allocator.capacity
        beyond = f"the pool has {capacity}; raise engine.kv_tokens"
        if model.steady < min(capacity, model.positions):
            capacity = model.steady
            beyond = f"its rotary embedding is another beyond {capacity}"
        checkpoint, served = serving.checkpoint, serving.adapters
        self.intake = Intake(checkpoint, self.adapters, capacity, beyond, served)
        self.cache = AdapterCache(
            self.adapters,
            load=lambda file: file.load(kernels),
            size=lambda file: file.plan.bytes,
            budget=settings.adapter_bytes,
            loader=background_loader(),
            wake=self.inbox.wake,
        )
        self.cache.preload(self.adapters)
        self.scheduler: PagedScheduler[PackedAdapter] = PagedScheduler(
            self._blocks,
            self.cache,
            max_batch_size=settings.max_batch_size,
            prefill_tokens=settings.prefill_tokens,
            policy=settings.policy,
            patience=settings.patience,
            cost=self._cost,
        )
        return self

    def close(self) -> None:
        """Free the model."""
        self.cache.close()
        del self.scheduler, self.cache, self._pool, self._decoder

    @property
    def backend(self) -> Backend:
        """The native kernels, unless others were asked for or they can't be compiled."""
        return self._decoder.kernels.backend

    @property
    def weight_bytes(self) -> int:
        """The packed matrices; of the embedding a step reads a few rows."""
        return self._decoder.weight_bytes

    @property
    def model_bytes(self) -> int:
        """The packed matrices and the embedding, counted once where it is the output layer's."""
        return self._decoder.model_bytes

    @property
    def kv_bytes(self) -> int:
        """Of the blocks that were held; the rest of the pool has never been touched."""
        return self._allocator.peak_blocks * self._pool.block_bytes

    @property
    def kv_position_bytes(self) -> int:
        """Of a block, by its positions."""
        return self._pool.block_bytes // self._pool.block_size

    @property
    def adapter_bytes(self) -> int:
        """Loads in flight included."""
        return self.cache.peak_used

    @property
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went; a hit had its adapter in memory when first looked at."""
        return self.cache.counts

    @property
    def kv_counts(self) -> KvCounts:
        """Nothing is looked up where `engine.prefix_cache` is off."""
        blocks = self._blocks
        return KvCounts(self.scheduler.preemptions, blocks.cached_tokens, blocks.prompt_tokens)

    @property
    def occupancy(self) -> Occupancy:
        """Blocks that are kept for nobody are free to be had."""
        held = 1 - self._blocks.free / self._allocator.blocks
        return replace(super().occupancy, kv_share=held)

    def watch(self) -> StepTimes | None:
        """From now on add up what each operation of a step takes; for profiles alone."""
        return self._decoder.watch()

    def forget_prefixes(self) -> None:
        """The blocks that are kept for nobody are free."""
        self._blocks.forget()

    def score(
        self, adapter: str | None, prompt_ids: Rows[int], continuation_ids: Rows[int]
    ) -> "NDArray[np.float32] | None":
        """By one forward pass over prompt and continuation, in a pool of its own."""
        weights = None if adapter is None else self.cache.read(adapter)
        ids = self.intake.vocabulary(adapter).size
        return score(self._decoder, weights, prompt_ids, continuation_ids, ids)

    def _source(self, adapter: Adapter) -> AdapterFile:
        return AdapterFile(adapter, self.serving.checkpoint, self.settings.adapter_dtype)

    def _make_room(self, adapter: Adapter) -> None:
        """A step that has begun ends with the decoder that it began with."""
        checkpoint, ids = self.serving.checkpoint, adapter.lora.vocabulary or 0
        if ids <= self._decoder.config.vocabulary:
            return
        if [*map(stamp, checkpoint.weights.files)] != self._stamps:
            raise UsageError(
                f"{checkpoint.folder}: was written anew since the engine was started, and "
                f"{adapter.name} needs longer tables than it began with; start again"
            )
        alone = kernels_for(1, self.settings.kernels)
        self._decoder = self._decoder.widened(checkpoint, ids, alone)

    def _cost(self, adapter: AdapterGeneration[AdapterFile, PackedAdapter] | None) -> float:
        """By the bytes that a step reads for a token alone: the base's weights, the adapter's."""
        return 1 + (adapter.source.plan.bytes if adapter else 0) / self._decoder.weight_bytes

    def _bytes(self, source: AdapterFile) -> int:
        return source.plan.bytes

    def _queue(self, request: Request, prompt: list[int]) -> None:
        is_scored = request.sampling.prompt_logprobs is not None
        scores: list[Logprobs | None] | None = [None] if is_scored else None
        self.scheduler.add(PagedSequence(request, prompt, scores=scores))

    def _work(self) -> Rows[Work]:
        """One forward pass over all that runs; loads go on behind it."""
        plan = self.scheduler.plan()
        return [([each.sequence for each in plan], lambda: self._compute(plan))] if plan else []

    def _compute(self, plan: list[Chunk[PackedAdapter]]) -> None:
        step = by_adapter(plan)
        began = self._stages.begin(step)
        logits = self._decoder.forward(assemble(step), self._pool).numpy()
        self._stages.end(step, began)
        asked = [chunk.sequence.adapter for chunk in step for _ in chunk.outputs]
        if sizes := self.intake.sizes(asked, logits.shape[1]):
            bound(logits, sizes)
        rows = score_prompts(step, logits)
        sequences = [chunk.sequence for chunk in step if chunk.yields]
        ids = self._sampler.sample(rows, sequences)
        logprobs = chosen_logprobs(rows, sequences, ids)
        at = self.clock.enter("other")
        self._events += told_scores(step, at)
        self.scheduler.advance(step)
        self._give(sequences, ids, at, logprobs)
