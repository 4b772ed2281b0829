"""How long requests took, in seconds.

Latency runs from the schedule, not from when the engine got round to accepting the request, so
that a stalled engine can't hide its queue (coordinated omission). TTFT, TPOT and ITL are vLLM's
and MLPerf's; docs/metrics.md lists what other tools mean by the same letters.

Failed requests never enter a sample: one that gives up early would look fast.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from pipeline.metrics.percentiles import Value, distribution
from pipeline.metrics.throughput import finished
from pipeline.metrics.timeline import RequestRecord


@dataclass(frozen=True, slots=True)
class Latencies:
    """Those of one request, seconds; docs/metrics.md has their formulas.

    Attributes:
        ttft_s: time to first token; None if no token came.
        ttft_from_submit_s: the same from when the engine accepted it.
        tpot_s: time per output token after the first; None for fewer than two tokens.
        itl_s: inter-token latencies, every gap between neighbouring tokens.
        e2e_s: end to end.
        queue_s: time spent waiting; None if it never was admitted.
    """

    ttft_s: float | None
    ttft_from_submit_s: float | None
    tpot_s: float | None
    itl_s: Sequence[float]
    e2e_s: float
    queue_s: float | None


LATENCIES = tuple(each.name for each in fields(Latencies))


def latencies(record: RequestRecord) -> Latencies:
    """What every metric, limit, plot and table of latencies is made of."""
    first_token = record.tokens[0] if record.tokens else None
    decoding_s, after_first = _between(first_token, record.finished), len(record.output_ids) - 1
    return Latencies(
        ttft_s=_between(record.scheduled, first_token),
        ttft_from_submit_s=_between(record.submitted, first_token),
        tpot_s=None if decoding_s is None or after_first < 1 else decoding_s / after_first,
        itl_s=[later - earlier for earlier, later in pairwise(record.tokens)],
        e2e_s=record.finished - record.scheduled,
        queue_s=_between(record.scheduled, record.admitted),
    )


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


def sample(name: str, found: Iterable[Latencies]) -> list[float]:
    """All values of one of `LATENCIES` that there are; gaps are pooled."""
    if name == "itl_s":
        return [gap for each in found for gap in each.itl_s]
    return [value for each in found if (value := getattr(each, name)) is not None]


def latency(
    requests: Sequence[RequestRecord], names: Sequence[str] = LATENCIES
) -> dict[str, Value]:
    """The distribution of each named latency, and `tpot_s/undefined`."""
    every = [latencies(each) for each in finished(requests)]
    found: dict[str, Value] = {}
    for name in names:
        found |= distribution(name, sample(name, every))
    return found | {"tpot_s/undefined": sum(each.tpot_s is None for each in every)}
