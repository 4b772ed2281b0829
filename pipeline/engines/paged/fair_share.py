"""Every adapter's requests get an equal share of what is served, however many one of them has."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Rows
from heapq import heapify, heappop, heappush
from typing import Any

from pipeline.engines.batching.adapter_registry import AdapterGeneration, T
from pipeline.engines.paged.queue_order import QueueOrder
from pipeline.engines.paged.sequence import Chunk, PagedSequence

PROMPT, OUTPUT = 1, 2
"""What a token of a prompt and one of an answer count, as the counter's authors weigh them."""

Cost = Callable[[AdapterGeneration[Any, Any] | None], float]
"""Of a token under an adapter, or under None: a token of the base model alone costs 1."""


class FairShare(QueueOrder[T]):
    """The virtual token counter of Sheng et al., Fairness in Serving LLMs (OSDI 2024), by adapter.

    An adapter's counter grows with each token that is served under it, by what that token costs: a
    large adapter uses its share up with fewer. Next is the oldest request of the adapter that has
    been served least. Who comes back begins no lower than the least of those that are there, so
    nobody saves up; while anything waits, nothing stands idle for the sake of fairness.

    So two adapters whose requests wait all the time differ in what they were served by no more than
    what runs at once could come to, and a request waits for the others' shares, not for the length
    of one adapter's queue. The base model counts as an adapter.
    """

    def __init__(self, cost: Cost) -> None:
        """Nobody has been served."""
        self._cost = cost
        self._served: dict[str | None, float] = {}
        self._open: Counter[str | None] = Counter()

    def of(self, waiting: Rows[PagedSequence[T]]) -> Iterator[PagedSequence[T]]:
        """Those that were preempted; then as if each that is looked at were admitted."""
        queues: dict[str | None, deque[tuple[int, PagedSequence[T]]]] = {}
        again: list[PagedSequence[T]] = []
        for place, each in enumerate(waiting):
            if each.preempted:
                again.append(each)
            else:
                queues.setdefault(each.adapter, deque()).append((place, each))
        heap = [(self._served[name], queue[0][0], name) for name, queue in queues.items()]
        heapify(heap)
        yield from again
        while heap:
            served, _, name = heappop(heap)
            _, sequence = queues[name].popleft()
            if behind := queues[name]:
                heappush(heap, (served + self._prompt_cost(sequence), behind[0][0], name))
            yield sequence

    def arrives(self, sequence: PagedSequence[T]) -> None:
        """Its adapter's counter is lifted, if that had nothing open."""
        name = sequence.adapter
        if not self._open[name]:
            least = min((self._served[each] for each in +self._open), default=0.0)
            self._served[name] = max(self._served.get(name, 0.0), least)
        self._open[name] += 1

    def begins(self, sequence: PagedSequence[T]) -> None:
        """Its prompt counts at once, so that of many that join together all adapters are some."""
        self._served[sequence.adapter] += self._prompt_cost(sequence)

    def computed(self, step: Rows[Chunk[T]]) -> None:
        """The tokens that it gives."""
        for chunk in step:
            if chunk.yields:
                cost = OUTPUT * self._cost(chunk.sequence.lease.adapter)
                self._served[chunk.sequence.adapter] += cost

    def leaves(self, sequence: PagedSequence[T]) -> None:
        """Once nothing is open at all, what was served is forgotten."""
        self._open[sequence.adapter] -= 1
        if not +self._open:
            self._open.clear()
            self._served.clear()

    def _prompt_cost(self, sequence: PagedSequence[T]) -> float:
        return PROMPT * sequence.pending * self._cost(sequence.lease.adapter)
