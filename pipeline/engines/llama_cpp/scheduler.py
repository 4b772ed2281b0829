"""Which of the waiting requests join those that run."""

from collections.abc import Hashable, Iterable
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from enum import StrEnum

from pipeline.engines.batching.sequence import Sequence


class GroupPolicy(StrEnum):
    """Finish one adapter's group, then switch; or serve every group in every step."""

    GROUPED = "grouped"
    INTERLEAVED = "interleaved"


@dataclass(frozen=True)
class Room:
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
        slot: its sequence in the KV cache; -1 before it is admitted.
    """

    slot: int = -1


def admissible(
    waiting: Rows[SlotSequence], running: Iterable[SlotSequence], policy: GroupPolicy, room: Room
) -> list[SlotSequence]:
    """Those to begin now, in order of arrival; the oldest is never passed over for long.

    Grouped, all that wait for the oldest request's adapter form a group, once nothing runs any
    more. Interleaved, whoever is next joins; nobody overtakes one that there is no room for.

    Args:
        waiting: in order of arrival.
        running: those being served.
        policy: which of the two.
        room: what the engine can hold; each of the waiting fits in it alone.
    """
    served = list(running)
    if not waiting or (policy is GroupPolicy.GROUPED and served):
        return []
    head = waiting[0].group
    joining: list[SlotSequence] = []
    for each in waiting:
        if policy is GroupPolicy.GROUPED and each.group != head:
            continue
        if not _fit([*served, *joining, each], room):
            break
        joining.append(each)
    return joining


def groups(running: Iterable[SlotSequence]) -> list[list[SlotSequence]]:
    """Those that run, by adapter, in the order in which the adapters came."""
    by_adapter: dict[Hashable, list[SlotSequence]] = {}
    for each in running:
        by_adapter.setdefault(each.group, []).append(each)
    return list(by_adapter.values())


def _fit(sequences: Rows[SlotSequence], room: Room) -> bool:
    adapters = {each.group for each in sequences if each.adapter is not None}
    return (
        len(sequences) <= room.sequences
        and sum(each.positions for each in sequences) <= room.positions
        and (room.adapters is None or len(adapters) <= room.adapters)
    )
