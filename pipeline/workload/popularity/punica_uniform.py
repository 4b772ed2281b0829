"""⌈√requests⌉ adapters with equally many requests each: Punica's `uniform`."""

import math

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.exact_counts import ExactCounts


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PunicaUniform(ExactCounts):
    """Settings of `workload/popularity=punica_uniform`."""

    name: str

    def counts(self, requests: int) -> list[int]:
        """Equal to within one, the larger first."""
        adapters = math.isqrt(requests - 1) + 1
        each, more = divmod(requests, adapters)
        return [each + 1] * more + [each] * (adapters - more)
