"""What an engine has counted between two moments."""

from typing import TypeVar

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.kv_counts import KvCounts

Counts = TypeVar("Counts", AdapterCounts, KvCounts)


def since(before: Counts | None, now: Counts | None) -> Counts | None:
    """What has been counted meanwhile; None for an engine that counts no such thing."""
    return None if before is None or now is None else now - before
