"""What is asked of a fleet: who asks for what, and when, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat
from pydantic.dataclasses import dataclass as settings

from pipeline.errors import UsageError
from pipeline.settings import STRICT, offered
from pipeline.workload.arrivals.renewal import Renewal
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.popularity.law import Popularity
from pipeline.workload.randomness import stream
from pipeline.workload.ranges import Count, Rate, Tokens
from pipeline.workload.seeds import Seeds


@dataclass(frozen=True)
class Demand:
    """Requests in order of arrival.

    Attributes:
        arrives: when each comes, seconds.
        adapters: the number of each one's adapter.
        prompts: tokens of each one's prompt.
        outputs: tokens that each asks for.
    """

    arrives: NDArray[np.float64]
    adapters: NDArray[np.int64]
    prompts: NDArray[np.int64]
    outputs: NDArray[np.int64]

    @cached_property
    def columns(self) -> tuple[list[int], list[int], list[int]]:
        """Adapters, prompts, outputs: Python's numbers, which are read one by one far faster."""
        return self.adapters.tolist(), self.prompts.tolist(), self.outputs.tolist()

    def faster(self, factor: float) -> "Demand":
        """The same requests, so many times as fast."""
        return replace(self, arrives=self.arrives / factor)


@settings(frozen=True, config=STRICT, kw_only=True)
class FleetWorkload:
    """Settings of `workload`: the laws of a run's, without words.

    Attributes:
        popularity: which adapter.
        arrivals: when; the rate is what is sought.
        lengths: how many tokens are asked for.
        prompts: how many tokens a prompt has.
        requests: fewest requests of a simulation.
        per_replica: fewest requests for each replica.
        seeds: of the draws.
        alpha: skew, for the laws that have one.
        rate: requests a second at which the laws draw; simulations stretch what they drew.
        max_new_tokens: most tokens that are asked for, for the laws that take it.
    """

    popularity: Popularity
    arrivals: Renewal
    lengths: Lengths
    prompts: Lengths
    requests: Count
    per_replica: Annotated[int, Field(ge=1, le=1_000_000)]
    seeds: Seeds
    alpha: NonNegativeFloat | None = offered()
    rate: Rate | None = offered()
    max_new_tokens: Tokens | None = offered()

    def check(self, adapters: int, replicas: int) -> None:
        """Raise UsageError if the laws can't deal so many adapters to so many replicas."""
        self.lengths.check()
        self.prompts.check()
        self.popularity.check([self.count(replicas)], adapters)

    def count(self, replicas: int) -> int:
        """Requests of a simulation of so many replicas."""
        return max(self.requests, self.per_replica * replicas)

    def demand(self, adapters: int, replicas: int, repeat: int = 0) -> Demand:
        """Drawn at one request a second, by seeds that are each so much higher."""
        count, seeds = self.count(replicas), self.seeds.higher(repeat)
        arrivals = replace(self.arrivals, rate=1.0, requests=count)
        slots = arrivals.slots(stream(seeds.arrivals, "arrivals"))
        dealt = self.popularity.draw([count], adapters, stream(seeds.adapters, "adapters"))
        return Demand(
            arrives=np.array([slot.scheduled_s for slot in slots]),
            adapters=np.array(dealt),
            prompts=np.array(self.prompts.draw(count, stream(seeds.prompts, "prompts"))),
            outputs=np.array(self.lengths.draw(count, stream(seeds.prompts, "lengths"))),
        )


def of_rows(rows: Sequence[Mapping[str, int | float]]) -> Demand:
    """Requests that were really made, each with `arrives`, `adapter`, `prompt` and `output`.

    Raises:
        UsageError: there are none.
    """
    if not rows:
        raise UsageError("no request: nothing can be simulated")
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return Demand(
        columns["arrives"].astype(float), columns["adapter"], columns["prompt"], columns["output"]
    )
