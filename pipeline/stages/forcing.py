"""Teacher-forced, as it serves: the engine is led along the reference's answers, all at once.

The requests go through the same loop as in the timed run: the engine's own tokenisation, scheduler,
batches of mixed adapters, prompts in chunks, KV cache and sampler. Only the tokens are given. Rows
of logits are judged as they come and not kept, so a large vocabulary needs no memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.engine import Engine
from pipeline.engines.teacher import Teacher
from pipeline.metrics.fidelity import Forced, effect, forced, joined
from pipeline.metrics.per_adapter import BASE
from pipeline.metrics.timeline import RequestRecord
from pipeline.stages.effects import EFFECT_TOKENS
from pipeline.stages.reference import Answer
from pipeline.stages.replay import Replay
from pipeline.workload.request import Request

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
        effects: largest change of a log-probability that each adapter brings about, nats.
        faults: what went wrong with a request, one line each.
    """

    forced: Mapping[int, Forced] = field(default_factory=dict)
    effects: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


class _Pupil:
    """A request that is led along an answer, and what is kept of it."""

    def __init__(self, answer: Answer, request: Request, count: int) -> None:
        """The request is given the answer's first `count` tokens."""
        self.given = answer.token_ids[:count]
        self.request = replace(request, scheduled_s=0.0, max_new_tokens=len(self.given))
        self.fault: str | None = None
        self.rows: list[Logits] = []
        self._answer, self._judged = answer, list[Forced]()

    @property
    def name(self) -> str:
        return f"request {self._answer.request.id} ({self.request.adapter or BASE})"

    @property
    def judged(self) -> Forced:
        return joined(self._judged)

    def see(self, place: int, logits: Logits) -> None:
        one = slice(place, place + 1)
        if place < EFFECT_TOKENS:
            self.rows.append(logits.copy())
        try:
            self._judged.append(forced(self._answer.scores[one], logits[None], self.given[one]))
        except ValueError as error:
            self.fault = self.fault or str(error)

    def end(self, record: RequestRecord) -> None:
        if record.error:
            self.fault = f"failed when it was led along the reference's answer: {record.error}"
        elif record.output_ids != self.given or len(self._judged) != len(self.given):
            self.fault = self.fault or "came back with other tokens than it was given to write"


def lesson(answers: Sequence[Answer], trace: Sequence[Request], engine: Engine) -> Lesson | None:
    """Lead the engine along every answer, and along some of them again without their adapter.

    Args:
        answers: of the reference.
        trace: all requests of the run; some keep the judged ones company where they are few.
        engine: between two runs.

    Returns:
        None where the engine can't be led.
    """
    own = [_Pupil(each, each.request, len(each.token_ids)) for each in answers]
    pairs = _with_and_without(own, answers, 1 + max(request.id for request in trace))
    pupils = {each.request.id: each for each in [*own, *(bare for _, bare in pairs)]}
    given = {id_: pupil.given for id_, pupil in pupils.items()}
    if not engine.teach(Teacher(given, lambda id_, place, row: pupils[id_].see(place, row))):
        return None
    requests = [*(pupil.request for pupil in pupils.values()), *_company(answers, trace)]
    try:
        _, records = Replay(engine, requests, None).run(0)
    finally:
        engine.teach(None)
    for record in records:
        if record.id in pupils:
            pupils[record.id].end(record)
    return Lesson(
        {each.request.id: each.judged for each in own if not each.fault},
        dict(_effect(*pair) for pair in pairs if not any(each.fault for each in pair)),
        tuple(f"{each.name}: {each.fault}" for each in pupils.values() if each.fault),
    )


def _with_and_without(
    own: Sequence[_Pupil], answers: Sequence[Answer], free_id: int
) -> list[tuple[_Pupil, _Pupil]]:
    """The first request of each adapter, and the same for the base model under another id."""
    first: dict[str, tuple[_Pupil, Answer]] = {}
    for pupil, answer in zip(own, answers, strict=True):
        if answer.request.adapter is not None:
            first.setdefault(answer.request.adapter, (pupil, answer))
    found = []
    for count, (pupil, answer) in enumerate(first.values()):
        bare = replace(answer.request, id=free_id + count, adapter=None)
        found.append((pupil, _Pupil(answer, bare, EFFECT_TOKENS)))
    return found


def _company(answers: Sequence[Answer], trace: Sequence[Request]) -> list[Request]:
    judged = {each.request.id for each in answers}
    others = [request for request in trace if request.id not in judged]
    return [
        replace(each, scheduled_s=0.0, max_new_tokens=min(each.max_new_tokens, COMPANY_TOKENS))
        for each in others[: max(0, TOGETHER - len(answers))]
    ]


def _effect(own: _Pupil, bare: _Pupil) -> tuple[str, float]:
    assert own.request.adapter is not None
    rows = own.rows[: len(bare.rows)]
    return own.request.adapter, effect(np.stack(rows), np.stack(bare.rows))
