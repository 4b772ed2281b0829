"""How adapters came and went."""

from collections.abc import Iterable

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.metrics.percentiles import NOT_MEASURED, Value
from pipeline.metrics.timeline import Iteration


def residency(iterations: Iterable[Iteration]) -> dict[str, Value]:
    """`adapter_switches`, `adapter_loads`, `adapter_evictions` and `adapter_hit_rate`.

    A hit is a request whose adapter was resident when it was admitted; requests for the base
    model look nothing up. Without look-ups there is no hit rate.
    """
    total = sum((each.adapters for each in iterations), start=AdapterCounts())
    return {
        "adapter_switches": total.switches,
        "adapter_loads": total.loads,
        "adapter_evictions": total.evictions,
        "adapter_hit_rate": total.hits / total.lookups if total.lookups else NOT_MEASURED,
    }
