"""Every adapter is equally likely: p_i = 1/n."""

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Independent


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Uniform(Independent):
    """Settings of `workload/popularity=uniform`."""

    name: str

    def probabilities(self, n: int) -> tuple[float, ...]:
        """1/n each."""
        return (1 / n,) * n
