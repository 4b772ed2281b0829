"""The steps of an engine, found again in the stamps of the requests that it served.

All tokens that a step of continuous batching gives have one stamp. So a run's distinct stamps are
the ends of its steps, and whoever has a token there was part of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from pipeline.metrics.timeline import RequestRecord


@dataclass(frozen=True, slots=True)
class EngineStep:
    """What one step computed, and how long it took.

    Attributes:
        seconds: from the end of the step before, or from when the engine began to work again.
        decodes: requests that got a token after their first.
        prefill_tokens: tokens of the prompts that were read to their end.
        adapters: distinct adapters that took part.
        ranks: their ranks, added up.
        padded: tokens × the largest rank: what a kernel multiplies that pads all to one rank.
    """

    seconds: float
    decodes: int
    prefill_tokens: int
    adapters: int
    ranks: int
    padded: int


def engine_steps(
    records: Iterable[RequestRecord], ranks: Mapping[str, int]
) -> tuple[EngineStep, ...]:
    """The steps of one iteration, in order.

    A prompt that was read in several steps counts whole where its last part was read.

    Args:
        records: of all requests that ran beside each other; those that got no token are no part.
        ranks: of the adapters, by name.

    Raises:
        KeyError: a record names another adapter.
    """
    ends: dict[float, list[tuple[RequestRecord, int]]] = defaultdict(list)
    for record in records:
        for number, stamp in enumerate(record.tokens):
            ends[stamp].append((record, number))
    return tuple(_step(stamp, ends[stamp], ranks) for stamp in sorted(ends))


def steps_in_gaps(records: Iterable[RequestRecord]) -> list[int]:
    """How many steps ended in each gap between neighbouring tokens of a request.

    1 where the request got a token from every step, as continuous batching promises to who runs;
    more where steps served others alone.

    Args:
        records: of all requests that ran beside each other, in one iteration.
    """
    rows = list(records)
    stamps = sorted({stamp for record in rows for stamp in record.tokens})
    number = {stamp: place for place, stamp in enumerate(stamps)}
    return [
        number[later] - number[earlier]
        for record in rows
        for earlier, later in pairwise(record.tokens)
    ]


def _step(
    end: float, part: list[tuple[RequestRecord, int]], ranks: Mapping[str, int]
) -> EngineStep:
    begun = max(
        [record.tokens[number - 1] for record, number in part if number]
        or [min(_admitted(record) for record, _ in part)]
    )
    first = [record.prompt_tokens for record, number in part if not number]
    used = {record.adapter: ranks[record.adapter] for record, _ in part if record.adapter}
    tokens = len(part) - len(first) + sum(first)
    return EngineStep(
        seconds=end - begun,
        decodes=len(part) - len(first),
        prefill_tokens=sum(first),
        adapters=len(used),
        ranks=sum(used.values()),
        padded=tokens * max(used.values(), default=0),
    )


def _admitted(record: RequestRecord) -> float:
    return record.submitted if record.admitted is None else record.admitted
