"""Stamps in the order in which things happen: a latency between any others means nothing."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from pipeline.metrics.timeline import RequestRecord


def disorder(requests: Iterable[RequestRecord]) -> tuple[str, ...]:
    """Why the stamps can't be believed, in one line that names a request; empty when they can.

    A request is scheduled, submitted, admitted, gets its tokens one after the other, and has
    finished. Where the clock says otherwise, a negative latency would keep every limit.
    """
    found = [(each.id, fault) for each in requests if (fault := _fault(each))]
    if not found:
        return ()
    number, fault = found[0]
    return (f"{len(found)} requests have stamps out of order, first: request {number} {fault}",)


def _fault(request: RequestRecord) -> str | None:
    for (name, earlier), (following, later) in pairwise(_stamps(request)):
        if later < earlier:
            return f"{following} {earlier - later:.3g} s before it {name}"
    return None


def _stamps(request: RequestRecord) -> Iterator[tuple[str, float]]:
    """Each with the words for what happened then."""
    yield "was scheduled", request.scheduled
    yield "was submitted", request.submitted
    if request.admitted is not None:
        yield "was admitted", request.admitted
    for number, at in enumerate(request.tokens, 1):
        yield f"got token {number}", at
    yield "finished", request.finished
