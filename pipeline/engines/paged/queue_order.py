"""In which order the waiting are looked at: the policies, and what a scheduler tells them."""

from collections.abc import Iterable
from collections.abc import Sequence as Rows
from enum import StrEnum
from typing import Generic

from pipeline.engines.batching.adapter_registry import T
from pipeline.engines.paged.sequence import Chunk, PagedSequence


class QueuePolicy(StrEnum):
    """First come, first served; those first whose adapter is in memory; or equal shares."""

    FCFS = "fcfs"
    ADAPTER_AWARE = "adapter_aware"
    FAIR = "fair"


class QueueOrder(Generic[T]):
    """First come, first served. Another order overrides `of`, and hears of what it needs."""

    def of(self, waiting: Rows[PagedSequence[T]]) -> Iterable[PagedSequence[T]]:
        """Those that wait, as they are to be looked at; some may be started meanwhile.

        Whoever was preempted stands first in `waiting`, and must come first of all.
        """
        return [*waiting]

    def arrives(self, sequence: PagedSequence[T]) -> None:
        """A sequence waits from now on."""

    def begins(self, sequence: PagedSequence[T]) -> None:
        """It runs for the first time; what is pending of its prompt will be computed."""

    def computed(self, step: Rows[Chunk[T]]) -> None:
        """A step was computed; its chunks are still pending."""

    def leaves(self, sequence: PagedSequence[T]) -> None:
        """It neither waits nor runs any more."""
