"""Continuous batching: who is admitted, and what each step computes."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as Rows
from typing import Any, Generic

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_memory import Readiness
from pipeline.engines.batching.adapter_registry import AdapterGeneration, T
from pipeline.engines.batching.scheduler import Scheduler
from pipeline.engines.paged.adapter_aware import AdapterAware
from pipeline.engines.paged.block_tables import BlockTables
from pipeline.engines.paged.fair_share import Cost, FairShare
from pipeline.engines.paged.queue_order import QueueOrder, QueuePolicy
from pipeline.engines.paged.sequence import Chunk, PagedSequence


class PagedScheduler(Scheduler[PagedSequence[T]], Generic[T]):
    """Who may join, and what each step computes.

    A request is admitted when a place in the batch, blocks for the tokens that are known of it and
    its adapter are there, and a block would be left for everyone who runs. It gets more blocks as
    its answer grows. When there are none left, whoever was admitted last is preempted: it gives
    back what it holds and waits again, before all others, for its tokens to be computed anew.

    Nobody starves. What was admitted first is never preempted for another's sake, and fits the pool
    alone, so it comes to its end, and so does the next. A request is overtaken only while its
    adapter is being loaded, which ends; by requests for the base model while there is no room for
    its adapter, which those don't take; under ADAPTER_AWARE also by up to `patience` requests
    whose adapters are in memory; and under FAIR by those whose adapters were served less, until
    they were served as much. Past that nobody is admitted before it: what runs comes to its end and
    leaves blocks, a place and room for its adapter.

    Attributes:
        preemptions: how often one had to give way.
    """

    def __init__(
        self,
        blocks: BlockTables,
        adapters: AdapterCache[Any, T],
        *,
        max_batch_size: int,
        prefill_tokens: int,
        policy: QueuePolicy = QueuePolicy.FCFS,
        patience: int = 0,
        cost: Cost = lambda _: 1.0,
    ) -> None:
        """Nothing waits and nothing runs.

        Args:
            blocks: gives sequences their blocks.
            adapters: the adapters to be pinned.
            max_batch_size: most sequences that run together.
            prefill_tokens: most prompt tokens in a step, beside the decodes.
            policy: in which order the waiting are looked at.
            patience: requests that may overtake one for their adapter's sake.
            cost: of a token under an adapter, where shares are to be equal.
        """
        super().__init__()
        self._blocks, self._adapters = blocks, adapters
        self._max_batch_size, self._prefill_tokens = max_batch_size, prefill_tokens
        orders: Mapping[QueuePolicy, Callable[[], QueueOrder[T]]] = {
            QueuePolicy.FCFS: QueueOrder,
            QueuePolicy.ADAPTER_AWARE: lambda: AdapterAware(adapters, patience),
            QueuePolicy.FAIR: lambda: FairShare(cost),
        }
        self._order = orders[policy]()
        self.preemptions = 0

    def add(self, sequence: PagedSequence[T]) -> None:
        """Put it at the end of the queue; it must fit the pool, and its adapter the budget.

        Raises:
            UsageError: its adapter isn't served.
        """
        sequence.lease = self._adapters.lease(sequence.adapter)
        super().add(sequence)
        self._order.arrives(sequence)

    def joining(self) -> Iterator[Rows[PagedSequence[T]]]:
        """Whatever may run now, one by one; and send for adapters ahead of need.

        The waiting are looked at in the policy's order. Adapters are sent for on behalf of as many
        as could run together, and each protects its own from those behind it. The first that lacks
        a place or blocks ends the admissions, not the loading. Behind the first whose adapter is
        neither here nor on its way only the base model's requests go on.
        """
        wanted: set[AdapterGeneration[Any, T] | None] = set()
        full, stuck = len(self.running) >= self._max_batch_size, False
        for place, sequence in enumerate(self._order.of(self.waiting)):
            ahead = place < self._max_batch_size
            if full and (stuck or not ahead):
                break
            if stuck and sequence.adapter is not None:
                continue
            readiness = self._readiness(sequence, wanted, ahead)
            stuck |= readiness is Readiness.NO_ROOM
            if readiness is Readiness.READY and not full:
                full = not self._has_place(sequence)
                if not full:
                    yield [sequence]

    def _readiness(
        self, sequence: PagedSequence[T], wanted: set[AdapterGeneration[Any, T] | None], ahead: bool
    ) -> Readiness:
        """Of its adapter, which is sent for if it is far enough ahead."""
        adapter = sequence.lease.adapter
        if not ahead:
            absent = Readiness.LOADING if adapter in wanted else Readiness.NO_ROOM
            return Readiness.READY if self._adapters.holds(adapter) else absent
        readiness = self._adapters.prefetch(adapter, wanted)
        wanted.add(adapter)
        sequence.missed |= readiness is not Readiness.READY
        return readiness

    def plan(self) -> list[Chunk[T]]:
        """The next step: a token of every output, then prompts in order of admission."""
        self._grow()
        decodes, prefills, budget = [], [], self._prefill_tokens
        for each in self.running:
            if each.output and each.pending == 1:
                decodes.append(Chunk(each, 1))
            elif budget:
                self._blocks.share(each)
                prefills.append(Chunk(each, min(each.pending, budget)))
                budget -= prefills[-1].count
        return decodes + prefills

    def advance(self, step: Rows[Chunk[T]]) -> None:
        """A step has been computed."""
        self._order.computed(step)
        for chunk in step:
            sequence = chunk.sequence
            sequence.computed += chunk.count
            if chunk.count > 1 or not sequence.output:
                self._blocks.keep(sequence)

    def _grow(self) -> None:
        """See that everyone who runs has a block for what comes next, the earliest first."""
        for each in [each for each in self.running if not self._blocks.reaches(each)]:
            while each.blocks and not self._blocks.extend(each):
                self._preempt(self.running[-1])

    def _preempt(self, sequence: PagedSequence[T]) -> None:
        """Back to the head of the queue; it keeps its claim to its adapter, and its output."""
        self.waiting.insert(0, sequence)
        self.running.remove(sequence)
        sequence.preempted = True
        self.preemptions += 1
        self._blocks.release(sequence)
        self._adapters.touch(sequence.lease)
        self._adapters.unpin(sequence.lease)

    def _has_place(self, sequence: PagedSequence[T]) -> bool:
        running = len(self.running)
        return running < self._max_batch_size and self._blocks.fits(sequence, spare=running)

    def _hold(self, group: Rows[PagedSequence[T]]) -> None:
        (sequence,) = group
        self._blocks.open(sequence)
        try:
            if sequence.preempted:
                self._adapters.pin(sequence.lease)
            else:
                self._adapters.acquire(sequence.lease, missed=sequence.missed)
        except BaseException:
            self._blocks.release(sequence)
            raise
        if not sequence.preempted:
            self._order.begins(sequence)
        for earlier in self.waiting[: self.waiting.index(sequence)]:
            earlier.overtaken += 1

    def _release(self, sequence: PagedSequence[T]) -> None:
        if sequence.blocks:
            self._blocks.release(sequence)
            self._adapters.touch(sequence.lease)
        self._adapters.release(sequence.lease)
        self._order.leaves(sequence)
