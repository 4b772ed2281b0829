"""p_i ∝ alpha^-i: SGLang's `skewed`, which calls itself Zipf and is geometric."""

import math
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Independent
from pipeline.workload.randomness import power


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SglangGeometric(Independent):
    """Settings of `workload/popularity=sglang_geometric`."""

    name: str
    alpha: Annotated[float, Field(gt=1)]

    def probabilities(self, n: int) -> tuple[float, ...]:
        """alpha^-i over ranks i = 1..n, normalised."""
        weights = [power(self.alpha, -i) for i in range(n)]
        total = math.fsum(weights)
        return tuple(weight / total for weight in weights)
