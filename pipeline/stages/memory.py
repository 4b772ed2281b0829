"""Whether a run can fit into the memory there is, told before anything takes any."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.config.run_config import RunConfig
from pipeline.engines.needs import Need
from pipeline.errors import UsageError
from pipeline.inference.request import Request
from pipeline.machine.memory import GIGABYTE, AvailableMemory, available_memory
from pipeline.workload.request import TraceRequest
from pipeline.workload.trace import Trace

REQUEST_BYTES = 700
"""Of a request in a trace, its place in the run's files and its row, at the very least."""

WORTH_NAMING = 0.05
"""Share of the whole from which on a purpose is named."""


def room_of(config: RunConfig) -> AvailableMemory:
    """The memory that a job may come to use."""
    alone = config.isolation == "process"
    return available_memory(config.limits.memory_gb if alone else None)


def check_trace(config: RunConfig) -> None:
    """Refuse a trace that couldn't be kept, before it is drawn.

    Raises:
        UsageError: naming how many requests there would be, and the memory there is.
    """
    count = config.workload.count()
    check_needs([Need(f"a trace of {count} requests", count * REQUEST_BYTES)], room_of(config))


def check_needs(needs: Sequence[Need], room: AvailableMemory) -> None:
    """Refuse what together needs more than there is.

    Raises:
        UsageError: in one line, the largest need first.
    """
    whole = sum(need.bytes for need in needs)
    if whole <= room.bytes:
        return
    large = sorted((each for each in needs if each.bytes >= WORTH_NAMING * whole), key=_size)
    parts = ", ".join(f"{each.bytes / GIGABYTE:.3g} for {each.purpose}" for each in large[::-1])
    raise UsageError(
        f"memory: at least {whole / GIGABYTE:.3g} GB are needed ({parts}), and there are {room}; "
        "ask for less"
    )


def at_once(trace: Trace) -> list[Request]:
    """The most requests that are sure to wait together, as they do when a batch is handed over."""
    starts = (
        [each for each in requests if not each.scheduled_s][: trace.max_in_flight]
        for requests in trace.iterations
    )
    return [replace(each, by_text=False).to_inference() for each in max(starts, key=_tokens)]


def _size(need: Need) -> int:
    return need.bytes


def _tokens(requests: Sequence[TraceRequest]) -> int:
    return sum(len(each.prompt_ids) + each.max_new_tokens for each in requests)
