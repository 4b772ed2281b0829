"""How a static engine forms its next batch from the requests that wait."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, TypeVar


class Asking(Protocol):
    """A request, or what becomes of it."""

    @property
    def adapter(self) -> str | None:
        """Name of its adapter; None for the base model."""


A = TypeVar("A", bound=Asking)


class BatchPolicy(StrEnum):
    """First come, first served; or all that wait for the same adapter together."""

    FCFS = "fcfs"
    GROUPED = "grouped"


def next_batch(
    waiting: Sequence[A],
    policy: BatchPolicy,
    limit: int | None,
    mixes: bool,
    resident: int | None = None,
) -> list[A]:
    """The requests to serve together now; the oldest is always among them, so none starves.

    Args:
        waiting: in order of arrival, not empty.
        policy: FCFS keeps the order of arrival; GROUPED serves by adapter.
        limit: most requests in a batch; None for no limit.
        mixes: whether one batch may hold several adapters.
        resident: most adapters of a mixed batch; None for no limit.
    """
    head = waiting[0].adapter
    if mixes:
        batch = _with_few_adapters(waiting[:limit], resident)
        return sorted(batch, key=_adapter) if policy is BatchPolicy.GROUPED else batch
    if policy is BatchPolicy.GROUPED:
        return [request for request in waiting if request.adapter == head][:limit]
    run = next(
        (index for index, request in enumerate(waiting) if request.adapter != head), len(waiting)
    )
    return list(waiting[:run][:limit])


def _with_few_adapters(waiting: Sequence[A], most: int | None) -> list[A]:
    """The first of them, up to the one whose adapter would be one too many."""
    seen: set[str] = set()
    for index, request in enumerate(waiting):
        if request.adapter is not None:
            seen.add(request.adapter)
        if most is not None and len(seen) > most:
            return list(waiting[:index])
    return list(waiting)


def _adapter(request: Asking) -> str:
    return request.adapter or ""
