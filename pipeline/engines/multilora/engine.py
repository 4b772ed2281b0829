"""Our own engine: admit, plan, forward, sample, emit."""

from collections.abc import Sequence as Rows
from time import perf_counter
from typing import TYPE_CHECKING, Self

import torch

from pipeline.adapters.adapter import Adapter
from pipeline.engines.adapter_cache import AdapterCache
from pipeline.engines.adapter_loaders import background_loader
from pipeline.engines.adapter_registry import AdapterRegistry
from pipeline.engines.multilora.assembly import assemble, by_adapter, score
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.intake import Intake
from pipeline.engines.multilora.kv_cache import BlockAllocator, pool_tokens
from pipeline.engines.multilora.lora import AdapterFile
from pipeline.engines.multilora.scheduler import Scheduler
from pipeline.engines.multilora.sequence import Chunk, Sequence
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.multilora.step_stages import StepStages
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.engine import Engine
from pipeline.inference.events import Admitted, Event, Finished, Token
from pipeline.inference.failure import ends_the_run, failed, not_finite
from pipeline.inference.request import Request
from pipeline.inference.stage_clock import StageClock
from pipeline.inference.teacher import Teacher
from pipeline.inference.token_sampler import TokenSampler
from pipeline.kernels.choice import kernels_for
from pipeline.kernels.lora_layout import PackedAdapter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Multilora(Engine):
    """Continuous batching, all adapters in one forward pass.

    Stages: `adapter_load` is the time in which nothing else could be done; loads behind a running
    forward pass cost no stage. How mixed steps are booked says `StepStages`.
    """

    def __init__(self, settings: MultiloraSettings, serving: Serving) -> None:
        self.settings, self.serving = settings, serving
        self.clock = StageClock()
        self._stages = StepStages(self.clock)
        self.adapters: AdapterRegistry[AdapterFile, PackedAdapter] = AdapterRegistry(
            {name: self._file(adapter) for name, adapter in serving.adapters.items()}
        )
        self._arrived: list[Request] = []
        self._events: list[Event] = []

    def __enter__(self) -> Self:
        settings, serving = self.settings, self.serving
        torch.set_num_threads(serving.threads)
        ends = serving.checkpoint.config.end_ids
        self._ends = frozenset() if serving.sampling.ignore_eos else ends
        self._sampler = TokenSampler(ends)
        kernels = kernels_for(serving.threads, settings.kernels)
        self._decoder = Decoder.load(serving.checkpoint, settings.precision, kernels)
        model, places = serving.checkpoint.config, settings.max_batch_size
        self._pool = self._decoder.new_pool(pool_tokens(model, places, settings.kv_tokens))
        self._blocks = BlockAllocator(self._pool.blocks, self._pool.block_size)
        self._intake = Intake(serving, self.adapters, self._blocks.capacity)
        self._cache = AdapterCache(
            self.adapters,
            load=lambda file: file.plan.load(kernels),
            size=lambda file: file.plan.bytes,
            budget=settings.adapter_bytes,
            loader=background_loader(),
        )
        self._cache.preload(self.adapters)
        self._scheduler: Scheduler[PackedAdapter] = Scheduler(
            self._blocks,
            self._cache,
            max_batch_size=settings.max_batch_size,
            prefill_tokens=settings.prefill_tokens,
            policy=settings.policy,
            patience=settings.patience,
        )
        return self

    def close(self) -> None:
        """Free the model."""
        self._cache.close()
        del self._scheduler, self._cache, self._pool, self._decoder

    def submit(self, request: Request) -> None:
        """Note the request; the next step tokenises it."""
        self._arrived.append(request)

    def cancel(self, request_id: int) -> bool:
        """End a request wherever it is; the next step reports it with the error `cancelled`.

        Its blocks and its hold on its adapter are free at once.

        Returns:
            Whether the engine had it; it may have been finished before.
        """
        before = len(self._arrived)
        self._arrived = [request for request in self._arrived if request.id != request_id]
        found = len(self._arrived) < before
        for sequence in [each for each in self._scheduler.open if each.id == request_id]:
            self._scheduler.drop(sequence)
            found = True
        if found:
            self._fail(request_id, "cancelled")
        return found

    @property
    def busy(self) -> bool:
        """Whether anything waits, runs, or is still to be reported."""
        return bool(self._arrived or self._events or self._scheduler.open)

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
        """The packed matrices and the embedding."""
        return self._decoder.model_bytes

    @property
    def kv_bytes(self) -> int:
        """Of the blocks that were held; the rest of the pool has never been touched."""
        return self._blocks.peak * self._pool.block_bytes

    @property
    def adapter_bytes(self) -> int:
        """Loads in flight included."""
        return self._cache.peak

    @property
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went; a hit had its adapter in memory when first looked at."""
        return self._cache.counts

    def step(self) -> list[Event]:
        """One forward pass over all that runs; waits for an adapter only if nothing runs.

        An error in it ends the requests it was for, not the engine: their blocks and their hold
        on adapters are free at once. One that is more than theirs is raised all the same; the
        next step tells how they ended.
        """
        self._take_arrivals()
        self._take_loads()
        self._admit()
        if plan := self._scheduler.plan():
            self._try(plan)
        elif self._scheduler.open and not self._events:
            self.clock.enter("adapter_load")
            self._cache.wait()
            self.clock.enter("other")
        events, self._events = self._events, []
        return events

    def score(
        self, adapter: str | None, prompt_ids: Rows[int], continuation_ids: Rows[int]
    ) -> "NDArray[np.float32] | None":
        """By one forward pass over prompt and continuation, in a pool of its own."""
        weights = None if adapter is None else self._cache.read(adapter)
        return score(self._decoder, weights, prompt_ids, continuation_ids)

    def teach(self, teacher: Teacher | None) -> bool:
        """Through the sampler."""
        self._sampler.teacher = teacher
        return True

    def _file(self, adapter: Adapter) -> AdapterFile:
        return AdapterFile(adapter, self.serving.checkpoint.config, self.settings.adapter_dtype)

    def _take_arrivals(self) -> None:
        self.clock.enter("tokenize")
        while self._arrived:
            request = self._arrived.pop(0)
            try:
                self._scheduler.add(self._intake.sequence(request))
            except UsageError as error:
                self._fail(request.id, str(error))
            except Exception as error:
                self._end([request], error)
        self.clock.enter("other")

    def _admit(self) -> None:
        running = {*self._scheduler.running}
        try:
            self._scheduler.admit()
        finally:
            self._events += [
                Admitted(each.id, perf_counter())
                for each in self._scheduler.running
                if each not in running
            ]

    def _take_loads(self) -> None:
        for adapter, cause in self._cache.collect().items():
            waiting = [e for e in self._scheduler.waiting if e.lease.adapter is adapter]
            for sequence in waiting:
                self._scheduler.drop(sequence)
                self._fail(sequence.id, f"adapter {adapter.name} can't be loaded: {cause}")

    def _try(self, plan: list[Chunk[PackedAdapter]]) -> None:
        try:
            self._advance(plan)
        except Exception as error:
            running = [each.sequence for each in plan if each.sequence in self._scheduler.running]
            for sequence in running:
                self._scheduler.release(sequence)
            self._end([each.request for each in running], error)

    def _end(self, requests: Rows[Request], error: Exception) -> None:
        """Of requests that an exception stopped, and for which nothing is held any more."""
        self.clock.enter("other")
        self._events += failed(requests, error)
        if ends_the_run(error):
            raise error

    def _advance(self, plan: list[Chunk[PackedAdapter]]) -> None:
        step = by_adapter(plan)
        began = self._stages.begin(step)
        logits = self._decoder.forward(assemble(step), self._pool)
        self._stages.end(step, began)
        sequences = [chunk.sequence for chunk in step if chunk.yields]
        ids = self._sampler.sample(logits.numpy(), sequences)
        at = self.clock.enter("other")
        for chunk in step:
            chunk.sequence.computed += chunk.count
        for sequence, id_ in zip(sequences, ids, strict=True):
            if id_ is None:
                self._scheduler.release(sequence)
                self._fail(sequence.id, not_finite(sequence.request, len(sequence.output)))
            else:
                sequence.output.append(id_)
                self._events.append(Token(sequence.id, at, id_))
        sound = [each for each, id_ in zip(sequences, ids, strict=True) if id_ is not None]
        self._finish([each for each in sound if self._is_over(each)], at)

    def _is_over(self, sequence: Sequence[PackedAdapter]) -> bool:
        full = len(sequence.output) == sequence.request.max_new_tokens
        return full or sequence.output[-1] in self._ends

    def _finish(self, sequences: Rows[Sequence[PackedAdapter]], at: float) -> None:
        self.clock.enter("detokenize")
        for sequence in sequences:
            self._events.append(Finished(sequence.id, at, self._intake.text(sequence.output)))
            self._scheduler.release(sequence)
        self.clock.enter("other")

    def _fail(self, request_id: int, cause: str) -> None:
        self._events.append(Finished(request_id, perf_counter(), error=cause))
