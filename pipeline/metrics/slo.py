"""Service-level objectives: limits on latency, and how many requests kept them."""

from collections.abc import Sequence
from statistics import fmean

from pydantic import PositiveFloat
from pydantic.dataclasses import dataclass

from pipeline.metrics.definitions import Value
from pipeline.metrics.latency import latencies
from pipeline.metrics.timeline import RequestRecord
from pipeline.settings import STRICT

SLORA_LIMIT_S = 6.0
"""S-LoRA's limit on the time to first token (Sheng et al., 2023)."""


@dataclass(frozen=True, config=STRICT)
class Slo:
    """What a request must keep to count as good; None sets no limit.

    Attributes:
        ttft: most seconds to the first token, from the schedule.
        tpot: most seconds per output token after the first.
        e2e: most seconds to the last token, from the schedule.
    """

    ttft: PositiveFloat | None = None
    tpot: PositiveFloat | None = None
    e2e: PositiveFloat | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is any limit."""
        return (self.ttft, self.tpot, self.e2e) != (None, None, None)


def met(record: RequestRecord, slo: Slo) -> bool:
    """Whether a request kept every limit; a failed one never did.

    Reaching a limit keeps it. As in vLLM, a request too short to have a TPOT keeps any limit on
    it; one without a first token keeps none on TTFT.
    """
    found = latencies(record)
    return record.error is None and (
        _within(found.ttft_s, slo.ttft, undefined=False)
        and _within(found.tpot_s, slo.tpot, undefined=True)
        and _within(found.e2e_s, slo.e2e, undefined=False)
    )


def _within(value: float | None, limit: float | None, *, undefined: bool) -> bool:
    if limit is None:
        return True
    return undefined if value is None else value <= limit


def service(requests: Sequence[RequestRecord], slo: Slo, wall_s: float) -> dict[str, Value]:
    """`goodput_rps` and `slo_attainment`; empty where no limit is set.

    Good requests, by seconds of measured wall time and as a share of all requests. Failed ones
    are never good. The formula is vLLM's.
    """
    if not slo.is_set:
        return {}
    good = sum(met(each, slo) for each in requests)
    return {"goodput_rps": good / wall_s, "slo_attainment": good / len(requests)}


def slora(requests: Sequence[RequestRecord]) -> dict[str, Value]:
    """S-LoRA's two figures for comparison with its paper: failed requests count as 0.

    `slora_attainment` is the share with TTFT < 6 s, `slora_satisfaction` the mean of
    max(0, 1 - (TTFT / 6 s)²).
    """
    waits = [None if each.error is not None else latencies(each).ttft_s for each in requests]
    relative = [1.0 if wait is None else wait / SLORA_LIMIT_S for wait in waits]
    return {
        "slora_attainment": fmean(share < 1 for share in relative),
        "slora_satisfaction": fmean(max(0.0, 1 - share**2) for share in relative),
    }
