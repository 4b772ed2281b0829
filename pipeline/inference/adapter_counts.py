"""How adapters came and went in an engine."""

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class AdapterCounts:
    """METRICS' `adapter_*` names.

    Attributes:
        switches: changes of the active adapter.
        loads: adapters read from disk.
        evictions: adapters dropped to make room.
        hits: requests whose adapter was already resident when they were admitted.
        lookups: requests that named an adapter.
        load_s: seconds that the loads took in all, wherever they happened; 0 in rows of before it
            was counted.
    """

    switches: int = 0
    loads: int = 0
    evictions: int = 0
    hits: int = 0
    lookups: int = 0
    load_s: float = 0.0

    def __add__(self, other: "AdapterCounts") -> "AdapterCounts":
        return AdapterCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "AdapterCounts") -> "AdapterCounts":
        return AdapterCounts(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))
