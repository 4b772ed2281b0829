"""How long requests took, in seconds.

Latency runs from the schedule, not from when the engine got round to accepting the request, so
that a stalled engine can't hide its queue (coordinated omission). TTFT, TPOT and ITL are vLLM's
and MLPerf's; docs/metrics.md lists what other tools mean by the same letters.

Failed requests never enter a sample: one that gives up early would look fast.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from pipeline.metrics.counts import finished
from pipeline.metrics.percentiles import Value, distribution
from pipeline.metrics.timeline import RequestRecord


def ttft_s(record: RequestRecord) -> float | None:
    """Time to first token: `first_token - scheduled`; None if no token came."""
    return record.tokens[0] - record.scheduled if record.tokens else None


def ttft_from_submit_s(record: RequestRecord) -> float | None:
    """`first_token - submitted`; None if no token came."""
    return record.tokens[0] - record.submitted if record.tokens else None


def tpot_s(record: RequestRecord) -> float | None:
    """Time per output token after the first: `(finished - first_token) / (n - 1)`.

    None for n < 2, where it is undefined.
    """
    after_first = len(record.output_ids) - 1
    if after_first < 1 or not record.tokens:
        return None
    return (record.finished - record.tokens[0]) / after_first


def itl_s(record: RequestRecord) -> list[float]:
    """Inter-token latencies: every gap between neighbouring tokens."""
    return [later - earlier for earlier, later in pairwise(record.tokens)]


def e2e_s(record: RequestRecord) -> float:
    """End-to-end latency: `finished - scheduled`."""
    return record.finished - record.scheduled


def queue_s(record: RequestRecord) -> float | None:
    """Time spent waiting: `admitted - scheduled`; None if it never was admitted."""
    return None if record.admitted is None else record.admitted - record.scheduled


ONE_A_REQUEST: Mapping[str, Callable[[RequestRecord], float | None]] = {
    "ttft_s": ttft_s,
    "ttft_from_submit_s": ttft_from_submit_s,
    "tpot_s": tpot_s,
    "e2e_s": e2e_s,
    "queue_s": queue_s,
}
"""The latencies of which a request has one, or none."""

LATENCIES = ("ttft_s", "ttft_from_submit_s", "tpot_s", "itl_s", "e2e_s", "queue_s")


def sample(name: str, requests: Sequence[RequestRecord]) -> list[float]:
    """All values of one of `LATENCIES` over the requests that finished; gaps are pooled."""
    done = finished(requests)
    if name == "itl_s":
        return [gap for each in done for gap in itl_s(each)]
    return [value for each in done if (value := ONE_A_REQUEST[name](each)) is not None]


def latency(
    requests: Sequence[RequestRecord], names: Sequence[str] = LATENCIES
) -> dict[str, Value]:
    """The distribution of each named latency, and `tpot_s/undefined`."""
    found: dict[str, Value] = {}
    for name in names:
        found |= distribution(name, sample(name, requests))
    return found | {"tpot_s/undefined": sum(tpot_s(each) is None for each in finished(requests))}
