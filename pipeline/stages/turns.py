"""Turns of conversations: a later one is handed over when the one before it is answered."""

from collections import defaultdict, deque
from collections.abc import Container, Hashable

from pipeline.workload.request import TraceRequest


class Turns:
    """Requests that are due and wait for the turn before them."""

    def __init__(self) -> None:
        self._held: defaultdict[int, list[TraceRequest]] = defaultdict(list)
        self._ready: deque[tuple[TraceRequest, float]] = deque()
        self._ids: set[int] = set()

    @property
    def ready(self) -> bool:
        """Whether one waits no more."""
        return bool(self._ready)

    @property
    def since(self) -> float:
        """Stamp from which the next of them has been due; there is one."""
        return self._ready[0][1]

    def hold(self, request: TraceRequest, unanswered: Container[Hashable]) -> bool:
        """Keep a request if the turn before it is among those, or is kept itself."""
        before = request.after
        if before is None or not (before in unanswered or before in self._ids):
            return False
        self._held[before].append(request)
        self._ids.add(request.id)
        return True

    def answered(self, turn: int, at: float) -> None:
        """Those that waited for this turn wait no more, from that stamp on."""
        self._ready.extend((request, at) for request in self._held.pop(turn, ()))

    def take(self) -> tuple[TraceRequest, float]:
        """The next that waits no more, and since when; it is to be handed over now."""
        request, at = self._ready.popleft()
        self._ids.discard(request.id)
        return request, at
