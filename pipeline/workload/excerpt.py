"""A small, fixed part of a trace: enough to judge every adapter, little enough to afford."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.workload.request import TraceRequest


def excerpt(
    requests: Sequence[TraceRequest], adapters: int, per_adapter: int, max_tokens: int
) -> tuple[TraceRequest, ...]:
    """The first requests of each adapter, cut to `max_tokens`; the base model is one of them.

    Args:
        requests: a trace, in order of arrival.
        adapters: how many adapters at most, those that are asked for first.
        per_adapter: how many requests of each at most.
        max_tokens: how many tokens of each output at most.
    """
    counts: dict[str | None, int] = {}
    chosen = []
    for request in requests:
        known = request.adapter in counts
        if (not known and len(counts) == adapters) or counts.get(request.adapter, 0) == per_adapter:
            continue
        counts[request.adapter] = counts.get(request.adapter, 0) + 1
        chosen.append(replace(request, max_new_tokens=min(request.max_new_tokens, max_tokens)))
    return tuple(chosen)
