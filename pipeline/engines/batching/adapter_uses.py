"""What is known of every adapter of an engine, as a value for whoever watches it."""

from collections.abc import Callable
from typing import Any

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_registry import AdapterGeneration, S
from pipeline.inference.occupancy import AdapterUse, Residence


def adapter_uses(
    cache: AdapterCache[S, Any], bytes_of: Callable[[S], int | None]
) -> tuple[AdapterUse, ...]:
    """All that may be named, and behind them what else is in memory or on its way.

    Args:
        cache: which adapters there are, and where.
        bytes_of: memory that one takes, asked of those that take any.
    """
    held = {each: cache.residence(each) for each in cache.held}

    def use(each: AdapterGeneration[S, Any]) -> AdapterUse:
        residence = held.get(each, Residence.DISK)
        return AdapterUse(
            each.name,
            each.current,
            residence,
            each.pins,
            None if residence is Residence.DISK else bytes_of(each.source),
            each.loads,
            each.load_s,
            each.lookups,
            each.hits,
        )

    older = [each for each in held if not each.current]
    return tuple(use(each) for each in (*cache.registry.generations, *older))
