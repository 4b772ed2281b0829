"""Which of the waiting requests join those that run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.inference.request import Request


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


@dataclass
class Running:
    """A request that is being served, and where it stands.

    Attributes:
        request: what was asked.
        prompt: its token ids.
        slot: its sequence in the KV cache.
        tokens: ids generated so far.
        last_at: stamp of the last of them.
    """

    request: Request
    prompt: Sequence[int]
    slot: int
    tokens: list[int] = field(default_factory=list)
    last_at: float = 0.0

    @property
    def output(self) -> Sequence[int]:
        """Ids generated so far, as the sampler asks for them."""
        return self.tokens


def positions(request: Request) -> int:
    """Places in the KV cache that a request may come to need."""
    return len(request.prompt_ids) + request.max_new_tokens


def admissible(
    waiting: Sequence[Request], running: Iterable[Request], policy: GroupPolicy, room: Room
) -> list[Request]:
    """The requests to begin now, in order of arrival; the oldest is never passed over for long.

    Grouped, all that wait for the oldest request's adapter form a group, once nothing runs any
    more. Interleaved, whoever is next joins; nobody overtakes one that there is no room for.

    Args:
        waiting: in order of arrival.
        running: those being served.
        policy: which of the two.
        room: what the engine can hold; every waiting request fits in it alone.
    """
    served = list(running)
    if not waiting or (policy is GroupPolicy.GROUPED and served):
        return []
    head = waiting[0].adapter
    joining: list[Request] = []
    for request in waiting:
        if policy is GroupPolicy.GROUPED and request.adapter != head:
            continue
        if not _fit([*served, *joining, request], room):
            break
        joining.append(request)
    return joining


def groups(running: Sequence[Running]) -> list[list[Running]]:
    """Those that run, by adapter, in the order in which the adapters came."""
    by_adapter: dict[str | None, list[Running]] = {}
    for each in running:
        by_adapter.setdefault(each.request.adapter, []).append(each)
    return list(by_adapter.values())


def _fit(requests: Sequence[Request], room: Room) -> bool:
    adapters = {request.adapter for request in requests} - {None}
    return (
        len(requests) <= room.sequences
        and sum(map(positions, requests)) <= room.positions
        and (room.adapters is None or len(adapters) <= room.adapters)
    )
