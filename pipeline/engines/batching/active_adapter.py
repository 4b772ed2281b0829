"""Which adapter is in effect, in an engine that computes one at a time."""

from typing import Any

from pipeline.engines.batching.adapter_registry import AdapterGeneration

_UNKNOWN = object()


class ActiveAdapter:
    """Tells whether a switch is needed.

    Attributes:
        switches: how often one was.
    """

    def __init__(self) -> None:
        self._active: object = None
        self.switches = 0

    def activate(self, adapter: AdapterGeneration[Any, Any] | None) -> bool:
        """Note that it is now in effect, None for the base model; whether that is a change.

        One that left memory and came back is another one.
        """
        wanted = None if adapter is None else (adapter, adapter.loads)
        changed = wanted != self._active
        self.switches += changed
        self._active = wanted
        return changed

    def forget(self) -> None:
        """It isn't known what is in effect, so the next to be is put there anew."""
        self._active = _UNKNOWN
