"""Those first whose adapter is in memory, so that fewer are loaded."""

from collections.abc import Iterable
from collections.abc import Sequence as Rows
from typing import Any

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_registry import T
from pipeline.engines.paged.queue_order import QueueOrder
from pipeline.engines.paged.sequence import PagedSequence


class AdapterAware(QueueOrder[T]):
    """Those first whose adapter is in memory, up to so many before the same one."""

    def __init__(self, adapters: AdapterCache[Any, T], patience: int) -> None:
        """For these adapters.

        Args:
            adapters: which are in memory.
            patience: requests that may overtake one for their adapter's sake.
        """
        self._adapters, self._patience = adapters, patience

    def of(self, waiting: Rows[PagedSequence[T]]) -> Iterable[PagedSequence[T]]:
        """The impatient, then those that could run, then the others; each as they came."""
        return sorted(waiting, key=self._rank)

    def _rank(self, sequence: PagedSequence[T]) -> tuple[bool, bool]:
        patient = sequence.overtaken < self._patience
        return patient, patient and not self._adapters.holds(sequence.lease.adapter)
