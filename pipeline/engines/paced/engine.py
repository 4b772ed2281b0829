"""An engine that schedules, remembers adapters and streams as `multilora`, and only sleeps."""

from collections.abc import Sequence as Rows
from time import sleep
from typing import Self

from pipeline.adapters.adapter import Adapter
from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_loaders import background_loader
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.engines.batching.caching import CachingEngine
from pipeline.engines.batching.continuous import ContinuousEngine, Work
from pipeline.engines.batching.intake import Intake
from pipeline.engines.paced.options import PacedOptions
from pipeline.engines.paced.pace import Pace
from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.paged.block_tables import BlockTables
from pipeline.engines.paged.scheduler import PagedScheduler
from pipeline.engines.paged.sequence import Chunk, PagedSequence
from pipeline.engines.settings import Serving
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.request import Request
from pipeline.inference.teacher import Teacher


class Paced(ContinuousEngine, CachingEngine):
    """Each step repeats prompts by a token, and lasts what the law says of it.

    The weights of an adapter are its rank. Blocks of the KV pool never run out: a sequence has all
    positions of the model in one.
    """

    def __init__(self, settings: PacedOptions, serving: Serving) -> None:
        super().__init__(settings, serving)
        self.settings, self._pace = settings, Pace()
        self.adapters: AdapterRegistry[int, int] = AdapterRegistry(
            {name: self._source(adapter) for name, adapter in serving.adapters.items()}
        )

    def __enter__(self) -> Self:
        settings, model = self.settings, self.serving.checkpoint.config
        self.intake = Intake(self.serving.checkpoint, self.adapters, served=self.serving.adapters)
        self.cache = AdapterCache(
            self.adapters,
            load=self._load,
            size=lambda rank: rank,
            budget=settings.adapter_ranks,
            loader=background_loader(),
            wake=self.inbox.wake,
        )
        self.cache.preload(self.adapters)
        self.scheduler: PagedScheduler[int] = PagedScheduler(
            BlockTables(BlockAllocator(2 * settings.max_batch_size, model.positions)),
            self.cache,
            max_batch_size=settings.max_batch_size,
            prefill_tokens=settings.prefill_tokens,
        )
        return self

    def close(self) -> None:
        """Nothing was loaded but a tokenizer."""
        self.cache.close()
        del self.scheduler, self.cache

    @property
    def backend(self) -> Backend:
        """Nothing computes."""
        return Backend("none")

    @property
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went; a hit had its adapter in memory when first looked at."""
        return self.cache.counts

    @property
    def notes(self) -> Rows[str]:
        """Where the machine was too busy, figures are another's than the law's."""
        lost = self._pace.lost_s
        return (f"engine=paced fell behind its pace by {lost:.1f} s",) if lost else ()

    def teach(self, teacher: Teacher | None) -> bool:
        """It chooses no tokens."""
        return False

    def _source(self, adapter: Adapter) -> int:
        return adapter.lora.max_rank

    def _load(self, rank: int) -> int:
        sleep(self.settings.load_s)
        return rank

    def _queue(self, request: Request, prompt: list[int]) -> None:
        self.scheduler.add(PagedSequence(request, prompt))

    def _work(self) -> Rows[Work]:
        plan = self.scheduler.plan()
        if not plan:
            self._pace.rest()
            return []
        return [([each.sequence for each in plan], lambda: self._compute(plan))]

    def _compute(self, plan: list[Chunk[int]]) -> None:
        ranks = {each.sequence.lease.adapter: each.sequence.weights or 0 for each in plan}
        ranks.pop(None, None)
        decodes = sum(each.is_decode for each in plan)
        read = sum(each.count for each in plan if not each.is_decode)
        used = ranks.values()
        self.clock.enter("prefill" if read else "decode")
        self._pace.last(
            self.settings.law.seconds(decodes, read, len(used), sum(used), max(used, default=0))
        )
        at = self.clock.enter("other")
        given = [each.sequence for each in plan if each.yields]
        self.scheduler.advance(plan)
        ids = [each.prompt[len(each.output) % len(each.prompt)] for each in given]
        self._give(given, ids, at, [None] * len(ids))
