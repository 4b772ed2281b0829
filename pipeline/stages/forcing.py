"""Teacher-forced, as it serves: the engine is led along the reference's answers, all at once.

The requests go through the same loop as in the timed run: the engine's own tokenisation, scheduler,
batches of mixed adapters, prompts in chunks, KV cache and sampler. Only the tokens are given. Rows
of logits are judged as they come and not kept, so a large vocabulary needs no memory.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.engine import Engine
from pipeline.inference.teacher import Teacher
from pipeline.metrics.fidelity import Forced, forced, joined
from pipeline.metrics.per_adapter import BASE
from pipeline.metrics.timeline import RequestRecord
from pipeline.stages.led import led
from pipeline.stages.pair import EFFECT_TOKENS, Pair
from pipeline.stages.reference import ReferenceAnswer
from pipeline.workload.request import TraceRequest

TOGETHER = 16
"""Requests that are in the engine at once, at least, if the trace has as many."""

COMPANY_TOKENS = 2
"""Tokens of a request that only keeps the judged ones company: its prompt, and one decode."""

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Lesson:
    """What an engine said along the reference's answers.

    Attributes:
        forced: by request id.
        pairs: what was said to each adapter's first request, by adapter.
        faults: what went wrong with a request, one line each.
    """

    forced: Mapping[int, Forced] = field(default_factory=dict)
    pairs: Mapping[str | None, Pair] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


class _Pupil:
    """A request that is led along an answer, and what is kept of it."""

    def __init__(self, answer: ReferenceAnswer, request: TraceRequest, count: int) -> None:
        """The request is given the answer's first `count` tokens."""
        self.given = answer.token_ids[:count]
        self.request = replace(request, scheduled_s=0.0, max_new_tokens=len(self.given))
        self.fault: str | None = None
        self.kept: list[Logits] | None = None
        self._answer, self._judged = answer, list[Forced]()

    @property
    def name(self) -> str:
        return f"request {self._answer.request.id} ({self.request.adapter or BASE})"

    @property
    def base_ids(self) -> bool:
        return self._answer.base_ids

    @property
    def judged(self) -> Forced:
        return joined(self._judged)

    @property
    def rows(self) -> Logits:
        assert self.kept is not None
        return np.stack(self.kept)

    def bare(self, id_: int) -> "_Pupil":
        """The same request to the base model, its first tokens alone."""
        bare = _Pupil(self._answer, replace(self.request, id=id_, adapter=None), EFFECT_TOKENS)
        bare.kept = []
        return bare

    def see(self, place: int, logits: Logits) -> None:
        one = slice(place, place + 1)
        if self.kept is not None:
            self.kept.append(logits.copy())
        try:
            self._judged.append(forced(self._answer.scores[one], logits[None], self.given[one]))
        except ValueError as error:
            self.fault = self.fault or str(error)

    def end(self, record: RequestRecord) -> None:
        if record.error:
            self.fault = f"failed when it was led along the reference's answer: {record.error}"
        elif record.output_ids != self.given or len(self._judged) != len(self.given):
            self.fault = self.fault or "came back with other tokens than it was given to write"


def lesson(
    answers: Sequence[ReferenceAnswer], trace: Sequence[TraceRequest], engine: Engine
) -> Lesson | None:
    """Lead the engine along every answer, and along some of them again without their adapter.

    Args:
        answers: of the reference.
        trace: all requests of the run; some keep the judged ones company where they are few.
        engine: between two runs.

    Returns:
        None where the engine can't be led.
    """
    own = [_Pupil(each, each.request, len(each.token_ids)) for each in answers]
    first = _first(own)
    bare = _without_adapters(first, 1 + max(request.id for request in trace))
    pupils: dict[Hashable, _Pupil] = {each.request.id: each for each in (*own, *bare.values())}
    given = {id_: pupil.given for id_, pupil in pupils.items()}
    teacher = Teacher(given, lambda id_, place, row: pupils[id_].see(place, row))
    requests = [*(pupil.request for pupil in pupils.values()), *_company(answers, trace)]
    records = led(engine, teacher, requests, None)
    if records is None:
        return None
    for record in records:
        if record.id in pupils:
            pupils[record.id].end(record)
    return Lesson(
        {each.request.id: each.judged for each in own if not each.fault},
        dict(_pairs(first, bare)),
        tuple(f"{each.name}: {each.fault}" for each in pupils.values() if each.fault),
    )


def _first(pupils: Sequence[_Pupil]) -> dict[str | None, _Pupil]:
    """The first request of each adapter, whose rows are kept."""
    found: dict[str | None, _Pupil] = {}
    for each in pupils:
        if found.setdefault(each.request.adapter, each) is each:
            each.kept = []
    return found


def _without_adapters(first: Mapping[str | None, _Pupil], free_id: int) -> dict[str | None, _Pupil]:
    """The same for the base model, under other ids, by the adapters they have lost."""
    named = [each for name, each in first.items() if name is not None and each.base_ids]
    return {each.request.adapter: each.bare(free_id + count) for count, each in enumerate(named)}


def _company(
    answers: Sequence[ReferenceAnswer], trace: Sequence[TraceRequest]
) -> list[TraceRequest]:
    judged = {each.request.id for each in answers}
    others = [request for request in trace if request.id not in judged]
    return [
        replace(each.capped(COMPANY_TOKENS), scheduled_s=0.0)
        for each in others[: max(0, TOGETHER - len(answers))]
    ]


def _pairs(
    first: Mapping[str | None, _Pupil], bare: Mapping[str | None, _Pupil]
) -> Iterator[tuple[str | None, Pair]]:
    """Those in which nothing went wrong."""
    for name, own in first.items():
        other = bare.get(name)
        if not (own.fault or (other and other.fault)):
            yield name, Pair(own.rows, other.rows if other else None)
