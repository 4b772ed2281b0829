"""A Poisson process whose rate changes steadily from one value to another."""

import math
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.open_loop import OpenLoop
from pipeline.workload.randomness import exponential
from pipeline.workload.ranges import Count, Rate


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Ramp(OpenLoop):
    """Settings of `workload/arrivals=ramp`.

    The rate goes from `start_rate` to `end_rate`, linearly in time, while `requests` requests are
    expected, which takes 2·requests / (start_rate + end_rate) seconds; then it stays.
    """

    name: str
    start_rate: Rate
    end_rate: Rate
    requests: Count
    rescale: bool = False

    def gaps(self, rng: Random) -> list[float]:
        """Independent and exponential."""
        return [exponential(rng) for _ in range(self.requests)]

    def seconds(self, expected: float) -> float:
        """Where the integral of the rate, a·t + (b - a)·t² / 2T, reaches `expected`."""
        a, b = self.start_rate, self.end_rate
        ramp_s = 2 * self.requests / (a + b)
        if expected >= self.requests:
            return ramp_s + (expected - self.requests) / b
        root = math.sqrt(a * a + 2 * (b - a) * expected / ramp_s)
        return min(2 * expected / (a + root), ramp_s)
