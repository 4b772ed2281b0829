"""Quality: what the engine says to questions with known answers, when all timing is done.

Both in the path that serves: led along the right answers, for their perplexity, and writing itself,
greedily and up to its own end, to see whether it comes to the same.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.inference.engine import Engine
from pipeline.inference.sampling_params import SamplingParams
from pipeline.inference.teacher import Teacher
from pipeline.metrics.distributions import log_probabilities
from pipeline.metrics.quality import Judged
from pipeline.metrics.timeline import RequestRecord
from pipeline.stages.led import led
from pipeline.stages.replay import Replay
from pipeline.workload.exam import ROOM_TO_END, ExamQuestion
from pipeline.workload.request import TraceRequest

TOGETHER = 16
"""Questions that are in the engine at once."""


@dataclass(frozen=True)
class Answers:
    """What is to be said of the answers.

    Attributes:
        judged: one a question, but for those that failed.
        faults: what makes the run INVALID, one line each.
    """

    judged: tuple[Judged, ...] = ()
    faults: tuple[str, ...] = ()


def ask(questions: Sequence[ExamQuestion], engine: Engine) -> Answers:
    """Put all questions to the engine, twice."""
    if not questions:
        return Answers()
    surprises, faults = _led(questions, engine)
    asked = _requests(questions, ROOM_TO_END, ends=True)
    written = {record.id: record for record in Replay(engine, asked, TOGETHER).run(0)[1]}
    faults += _failures(written.values())
    judged = tuple(
        Judged(each.adapter, surprises.get(number), each.is_right(written[number].text or ""))
        for number, each in enumerate(questions)
        if not written[number].error
    )
    return Answers(judged, tuple(faults))


def _led(
    questions: Sequence[ExamQuestion], engine: Engine
) -> tuple[dict[int, tuple[float, ...]], list[str]]:
    """−ln p of every token of the right answers; nothing where the engine can't be led."""
    given: dict[Hashable, tuple[int, ...]] = {
        number: each.answer_ids for number, each in enumerate(questions)
    }
    found: dict[Hashable, list[float]] = {number: [] for number in given}

    def see(id_: Hashable, place: int, row: NDArray[np.float32]) -> None:
        found[id_].append(-float(log_probabilities(row[None])[0, given[id_][place]]))

    records = led(engine, Teacher(given, see), _requests(questions, 0, ends=False), TOGETHER)
    if records is None:
        return {}, []
    faults = _failures(records)
    seen = {number: tuple(found[number]) for number in range(len(questions))}
    for number, each in enumerate(questions):
        if not faults and len(seen[number]) != len(each.answer_ids):
            faults.append(f"quality: question {number} came back with other tokens than given")
        elif not np.isfinite(seen[number]).all():
            faults.append(f"quality: question {number}: a log-probability isn't a number")
    return {} if faults else seen, faults


def _requests(questions: Sequence[ExamQuestion], beyond: int, ends: bool) -> list[TraceRequest]:
    """Adapter by adapter: an engine that serves one at a time needs as few steps as can be."""
    sampling = SamplingParams(ignore_eos=not ends)
    named = sorted(enumerate(questions), key=lambda each: each[1].adapter or "")
    return [
        TraceRequest(
            id=number,
            iteration=0,
            adapter=each.adapter,
            prompt=each.prompt,
            prompt_ids=each.prompt_ids,
            max_new_tokens=len(each.answer_ids) + beyond,
            scheduled_s=0.0,
            sampling=sampling,
        )
        for number, each in named
    ]


def _failures(records: Iterable[RequestRecord]) -> list[str]:
    return [f"quality: question {each.id} failed: {each.error}" for each in records if each.error]
