"""Which of the waiting requests join those that run, and the slots in which they do."""

import heapq
from collections.abc import Callable, Hashable, Iterable, Iterator
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.scheduler import Scheduler
from pipeline.engines.batching.sequence import Sequence

NOWHERE = -1


class GroupPolicy(StrEnum):
    """Finish one adapter's group, then switch; or serve every group in every step."""

    GROUPED = "grouped"
    INTERLEAVED = "interleaved"


@dataclass(frozen=True)
class SlotLimits:
    """How much may run at once.

    Attributes:
        sequences: requests.
        positions: places in the KV cache, of all requests together.
        adapters: different adapters; None for no limit.
    """

    sequences: int
    positions: int
    adapters: int | None


@dataclass(slots=True, eq=False)
class SlotSequence(Sequence):
    """A sequence, and where it lies while it runs.

    Attributes:
        slot: its sequence in the KV cache; NOWHERE before it is admitted.
    """

    slot: int = NOWHERE


def admissible(
    waiting: Rows[SlotSequence],
    running: Iterable[SlotSequence],
    policy: GroupPolicy,
    limits: SlotLimits,
) -> list[SlotSequence]:
    """Those to begin now, in order of arrival; the oldest is never passed over for long.

    Grouped, all that wait for the oldest request's adapter form a group, once nothing runs any
    more. Interleaved, whoever is next joins; nobody overtakes one that there is no room for.

    Args:
        waiting: in order of arrival.
        running: those being served.
        policy: which of the two.
        limits: what the engine can hold; each of the waiting fits in it alone.
    """
    served = list(running)
    if not waiting or (policy is GroupPolicy.GROUPED and served):
        return []
    head = waiting[0].group
    joining: list[SlotSequence] = []
    for each in waiting:
        if policy is GroupPolicy.GROUPED and each.group != head:
            continue
        if not _fit([*served, *joining, each], limits):
            break
        joining.append(each)
    return joining


def groups(running: Iterable[SlotSequence]) -> list[list[SlotSequence]]:
    """Those that run, by adapter, in the order in which the adapters came."""
    by_adapter: dict[Hashable, list[SlotSequence]] = {}
    for each in running:
        by_adapter.setdefault(each.group, []).append(each)
    return list(by_adapter.values())


def _fit(sequences: Rows[SlotSequence], limits: SlotLimits) -> bool:
    adapters = {each.group for each in sequences if each.adapter is not None}
    return (
        len(sequences) <= limits.sequences
        and sum(each.positions for each in sequences) <= limits.positions
        and (limits.adapters is None or len(adapters) <= limits.adapters)
    )


class SlotScheduler(Scheduler[SlotSequence]):
    """Admits by policy; a sequence that runs has a slot, and its adapter stays in memory."""

    def __init__(
        self,
        policy: GroupPolicy,
        limits: SlotLimits,
        adapters: AdapterCache[Any, Any],
        forget: Callable[[int], None],
    ) -> None:
        """All slots are free.

        Args:
            policy: who joins.
            limits: how much may run at once.
            adapters: the adapters to be pinned.
            forget: frees the places of a slot in the KV cache.
        """
        super().__init__()
        self._policy, self._limits, self._adapters, self._forget = policy, limits, adapters, forget
        self.free_slots = [*range(limits.sequences)]

    def add(self, sequence: SlotSequence) -> None:
        """Put it at the end of the queue; there must be room for it alone.

        Raises:
            UsageError: its adapter isn't served.
        """
        sequence.lease = self._adapters.lease(sequence.adapter)
        super().add(sequence)

    def joining(self) -> Iterator[Rows[SlotSequence]]:
        """All that may join, together: their adapters are loaded side by side."""
        if group := admissible(self.waiting, self.running, self._policy, self._limits):
            yield group

    def _hold(self, group: Rows[SlotSequence]) -> None:
        beside = [each.lease for each in self.running]
        self._adapters.acquire_now([each.lease for each in group], beside)
        for each in group:
            each.slot = heapq.heappop(self.free_slots)

    def _release(self, sequence: SlotSequence) -> None:
        self._adapters.release(sequence.lease)
        if sequence.slot != NOWHERE:
            self._forget(sequence.slot)
            heapq.heappush(self.free_slots, sequence.slot)
            sequence.slot = NOWHERE
