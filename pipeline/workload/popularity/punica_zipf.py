"""Counts 1, ⌊alpha⌋, ⌊alpha²⌋ and so on: Punica's `zipf:alpha`, its skewed case."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.exact_counts import ExactCounts


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PunicaZipf(ExactCounts):
    """Settings of `workload/popularity=punica_zipf`; Punica takes alpha = 1.5."""

    name: str
    alpha: Annotated[float, Field(gt=1)]

    def counts(self, requests: int) -> list[int]:
        """The powers while they fit, then what is left, most popular first."""
        counts: list[int] = []
        left, power = requests, 1.0
        while power < left:
            counts.append(int(power))
            left -= int(power)
            power *= self.alpha
        return sorted([*counts, left], reverse=True)
