"""Are the rows of a run exactly its trace, and their stamps in the order in which things happen?

Figures of other rows are another run's, and a latency between other stamps means nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

from pipeline.metrics.timeline import RequestRecord


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line of the trace asks for.

    Attributes:
        id: the request's.
        iteration: the closed batch it belongs to.
        adapter: name, or None for the base model.
        prompt_tokens: length of its prompt.
        max_new_tokens: tokens that it shall get.
    """

    id: int
    iteration: int
    adapter: str | None
    prompt_tokens: int
    max_new_tokens: int

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """From a line of `trace.jsonl`."""
        named = {name: row[name] for name in ("id", "iteration", "adapter", "max_new_tokens")}
        return cls(**named, prompt_tokens=len(row["prompt_ids"]))


def strays(asked: Iterable[Asked], rows: Iterable[RequestRecord], eos: bool) -> tuple[str, ...]:
    """Where the rows aren't the trace, one line each; none where every request has its one row.

    Args:
        asked: the trace.
        rows: of `requests.jsonl`, in any order.
        eos: whether an output may end early, at an end-of-sequence token.
    """
    wanted, found = {each.id: each for each in asked}, tuple(rows)
    counts = Counter(row.id for row in found)
    known = [row for row in found if row.id in wanted]
    lines = (
        _line("requests of the trace have no row", [i for i in wanted if i not in counts]),
        _line("requests have more than one row", [i for i, count in counts.items() if count > 1]),
        _line("rows are of no request of the trace", [i for i in counts if i not in wanted]),
        _line(
            "rows are of another batch, adapter or prompt than was asked",
            [row.id for row in known if not _same(row, wanted[row.id])],
        ),
        _line(
            "outputs don't have the tokens asked for",
            [row.id for row in known if not (row.error or _whole(row, wanted[row.id], eos))],
        ),
    )
    return tuple(line for each in lines for line in each)


def _line(what: str, ids: list[int]) -> Iterator[str]:
    if ids:
        yield f"{len(ids)} {what}, first: request {min(ids)}"


def _same(row: RequestRecord, asked: Asked) -> bool:
    return (row.iteration, row.adapter, row.prompt_tokens) == (
        asked.iteration,
        asked.adapter,
        asked.prompt_tokens,
    )


def _whole(row: RequestRecord, asked: Asked, eos: bool) -> bool:
    count, wanted = len(row.output_ids), asked.max_new_tokens
    return len(row.tokens) == count and (0 < count <= wanted if eos else count == wanted)


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
