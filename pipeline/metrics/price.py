"""What the machine costs, and what a million tokens cost by it."""

from collections.abc import Sequence

from pydantic import PositiveFloat
from pydantic.dataclasses import dataclass

from pipeline.metrics.definitions import NOT_MEASURED, Value
from pipeline.metrics.throughput import finished, output_tokens
from pipeline.metrics.timeline import RequestRecord
from pipeline.settings import STRICT

SECONDS_AN_HOUR = 3600

COST = "cost_per_million_tokens"


@dataclass(frozen=True, config=STRICT)
class Price:
    """What is paid for the machine.

    Attributes:
        per_hour: in any currency; None where nobody asks.
    """

    per_hour: PositiveFloat | None = None


def cost(requests: Sequence[RequestRecord], price: Price, wall_s: float) -> dict[str, Value]:
    """What a million tokens cost; empty where no price is set.

    All measured wall time is paid, waiting for arrivals included, and only tokens of requests that
    finished without error were worth it.
    """
    if price.per_hour is None:
        return {}
    paid, tokens = price.per_hour * wall_s / SECONDS_AN_HOUR, output_tokens(finished(requests))
    return {COST: paid / tokens * 1e6 if tokens else NOT_MEASURED}
