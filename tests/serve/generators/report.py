"""What a load generator reports, what the server measured of the same requests, both compared."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from tests.serve.launched import LoggedRequest

THROUGHPUT_SHARE = 0.05
"""By which throughputs may differ."""
SURE = 1.96
"""Standard errors in which 95 % of means lie."""


@dataclass(frozen=True)
class Spread:
    """A mean and what it is the mean of: milliseconds.

    Attributes:
        mean: of them.
        deviation: their standard deviation.
        count: how many there were.
    """

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        """Of some times."""
        return cls(1e3 * fmean(seconds), 1e3 * pstdev(seconds), len(seconds))

    @classmethod
    def pooled(cls, parts: Sequence["Spread"]) -> "Spread":
        """Of all that some are of."""
        count = sum(each.count for each in parts)
        mean = sum(each.mean * each.count for each in parts) / count
        squares = (each.count * (each.deviation**2 + (each.mean - mean) ** 2) for each in parts)
        return cls(mean, math.sqrt(sum(squares) / count), count)

    @property
    def noise(self) -> float:
        """How far two means of so many such times may well lie apart, if nothing differs."""
        return SURE * math.sqrt(2) * self.deviation / math.sqrt(self.count)


@dataclass(frozen=True)
class Report:
    """What a generator says.

    Attributes:
        requests: that were answered.
        tokens: of all answers.
        tokens_per_s: by its own definition of the time that took.
        ttft: time to the first token; None where it doesn't tell.
        itl: mean time between the tokens of an answer; likewise.
    """

    requests: int
    tokens: int
    tokens_per_s: float
    ttft: Spread | None
    itl: Spread | None


@dataclass(frozen=True)
class Measured:
    """What the server measured of the same requests.

    Attributes:
        requests, tokens, tokens_per_s: as a generator's, from the first one's coming to the last
            one's end.
        ttft_ms, itl_ms: means, by the engine's stamps.
        models: requests by whom they were for.
        refused: requests that weren't answered.
    """

    requests: int
    tokens: int
    tokens_per_s: float
    ttft_ms: float
    itl_ms: float
    models: Counter[str]
    refused: int

    @classmethod
    def of(cls, logged: Sequence[LoggedRequest], counted: Counter[str]) -> "Measured":
        """From the lines of its log, and from what was added to its metrics."""
        answered = [each for each in logged if each.status == 200]
        began = min(each.began for each in answered)
        ended = max(each.began + each.seconds for each in answered)
        tokens = sum(each.tokens for each in answered)
        return cls(
            len(answered),
            tokens,
            tokens / (ended - began),
            1e3 * _mean(counted, "vllm:time_to_first_token_seconds"),
            1e3 * _mean(counted, "vllm:inter_token_latency_seconds"),
            Counter(each.model for each in answered),
            len(logged) - len(answered),
        )


def faults(report: Report, measured: Measured) -> list[str]:
    """In what both don't agree."""
    found = []
    for name in ("requests", "tokens"):
        if (said := getattr(report, name)) != (counted := getattr(measured, name)):
            found.append(f"{said} {name}, the server counted {counted}")
    if abs(report.tokens_per_s / measured.tokens_per_s - 1) > THROUGHPUT_SHARE:
        found.append(f"throughputs differ by more than {THROUGHPUT_SHARE:.0%}")
    for name in ("ttft", "itl"):
        spread, other = getattr(report, name), getattr(measured, f"{name}_ms")
        if spread and abs(spread.mean - other) > spread.noise:
            found.append(f"{name.upper()} differ by more than {spread.noise:.1f} ms")
    if measured.refused:
        found.append(f"{measured.refused} requests were refused")
    return found


def _mean(counted: Counter[str], name: str) -> float:
    return counted[f"{name}_sum"] / (counted[f"{name}_count"] or 1)
