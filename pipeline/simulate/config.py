"""The configuration of a simulation: step times, replicas, routings, and what is asked."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.config.limits import Paths
from pipeline.errors import UsageError
from pipeline.launch.command_config import command_config
from pipeline.metrics.slo import Slo
from pipeline.settings import STRICT, Seed
from pipeline.simulate.demand import FleetWorkload
from pipeline.simulate.replica_settings import ReplicaSettings
from pipeline.simulate.routing.routing import RoutingLaw
from pipeline.simulate.steps.source import StepSource

PRIMARY = "simulate"
"""The file in `conf/` that lists groups and settings."""

Rank = Annotated[int, Field(ge=1, le=100_000)]
Replicas = Annotated[int, Field(ge=1, le=10_000)]
PerReplica = Annotated[int, Field(ge=1, le=100_000)]

MOST_ADAPTERS = 1_000_000
"""In a fleet; their popularity alone takes half a minute to work out."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SimulateConfig:
    """Everything that decides what is simulated.

    Attributes:
        steps: what an engine's work takes.
        routings: those compared, by name.
        workload: what is asked.
        replica: what each replica is.
        replicas: sizes of fleets.
        adapters_per_replica: adapters of a fleet ÷ its replicas; each size is tried with each.
        ranks: of the adapters, dealt in turn.
        slo: limits on latency; at least one.
        attainment: share of the requests that must keep them.
        precision: of the highest rate: what its search leaves open, as a share.
        repeats: how often all is drawn anew, by seeds each one higher; intervals take two.
        processes: that simulate at a time; None takes as many as there are cores.
        seed: of what routings draw.
        paths: where things are.
        out: folder for what was found; None takes one of the day's under `paths.runs`.
    """

    steps: StepSource
    routings: Mapping[str, RoutingLaw]
    workload: FleetWorkload
    replica: ReplicaSettings
    replicas: Annotated[tuple[Replicas, ...], Field(min_length=1)]
    adapters_per_replica: Annotated[tuple[PerReplica, ...], Field(min_length=1)]
    ranks: Annotated[tuple[Rank, ...], Field(min_length=1)]
    slo: Slo
    attainment: Annotated[float, Field(gt=0, lt=1)]
    precision: Annotated[float, Field(ge=0.001, le=1)]
    repeats: Annotated[int, Field(ge=1, le=100)]
    processes: Annotated[int, Field(ge=1, le=1000)] | None
    seed: Seed
    paths: Paths
    out: str | None

    def __post_init__(self) -> None:
        if not self.routings:
            raise UsageError("routing=[]: nothing to compare; name one, such as least_loaded")
        if self.slo.ttft is None and self.slo.tpot is None and self.slo.e2e is None:
            raise UsageError("slo: without a limit any rate is kept; set slo.ttft, say")
        room = self.replica.adapter_ranks
        if room is not None and max(self.ranks) > room:
            raise UsageError(
                f"replica.adapter_ranks={room}: has no room for an adapter of rank "
                f"{max(self.ranks)}; raise it, or lower ranks"
            )
        if max(self.replicas) * max(self.adapters_per_replica) > MOST_ADAPTERS:
            raise UsageError(
                f"{max(self.replicas)} replicas × {max(self.adapters_per_replica)} adapters are "
                f"more than {MOST_ADAPTERS}; lower replicas or adapters_per_replica"
            )
        for replicas, each in product(self.replicas, self.adapters_per_replica):
            self.workload.check(replicas * each, replicas)


def composed(overrides: Sequence[str]) -> SimulateConfig:
    """The configuration that overrides make, typed.

    Raises:
        UsageError: they ask for something that isn't there, or that is impossible.
    """
    return command_config(SimulateConfig, PRIMARY, overrides, "simulation")
