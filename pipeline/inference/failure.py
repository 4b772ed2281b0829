"""What becomes of requests that can't be answered."""

import logging
from collections.abc import Collection, Iterable
from time import perf_counter

from pipeline.errors import UsageError, causes, in_a_line
from pipeline.inference.events import Finished
from pipeline.inference.request import Request

_log = logging.getLogger(__name__)


class UnknownAdapter(UsageError):
    """A request names an adapter that isn't served, or isn't any more."""


def refusal(request: Request, adapters: Collection[str]) -> str | None:
    """Why a request can't be served, where its adapter isn't one of the engine's.

    Answering with the base model instead would be a wrong answer that looks like a right one.
    """
    if request.adapter is None or request.adapter in adapters:
        return None
    return f"adapter {request.adapter!r} isn't served by this engine"


def not_finite(request: Request, place: int) -> str:
    """Why a request gets no more tokens, where the model computed NaN or infinity for it.

    Or where its constraint left none.

    Args:
        request: the one that ends.
        place: how many tokens it was given before.
    """
    if request.constraint is not None and request.constraint.fault:
        return request.constraint.fault
    whose = "the base model" if request.adapter is None else f"adapter {request.adapter}"
    return (
        f"{whose}: the logits of output token {place} aren't finite; look for NaN, infinity or "
        "very large numbers in its weights"
    )


def failed(requests: Iterable[Request], error: Exception) -> list[Finished]:
    """The end of requests that an exception stopped; its traceback goes into the log.

    Call it where the exception is caught, once nothing is held for them any more.
    """
    ended = list(requests)
    ids = ", ".join(str(request.id) for request in ended)
    _log.exception("requests %s failed", ids)
    line = in_a_line(error)
    at = perf_counter()
    return [Finished.failed(request.id, at, line) for request in ended]


def ends_the_run(error: Exception) -> bool:
    """Whether it is more than its requests' own, so that whoever steps the engine must know.

    The run was asked for something impossible, or memory ran out.
    """
    return isinstance(error, UsageError) or out_of_memory(error)


def out_of_memory(error: BaseException) -> bool:
    """Whether it, or what it came from, says that memory ran out; libraries say so in many ways."""
    said = (
        *("can't allocate memory", "Cannot allocate memory", "bad_alloc"),
        *("failed to map segment", "can't start new thread"),
    )
    return any(
        isinstance(cause, MemoryError) or any(each in str(cause) for each in said)
        for cause in causes(error)
    )
