"""Replicas behind a router: events in order of time."""

from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.simulate.demand import Demand
from pipeline.simulate.replica import SimulatedReplica
from pipeline.simulate.replica_settings import ReplicaSettings
from pipeline.simulate.residency import Residency
from pipeline.simulate.routing.routing import Router
from pipeline.simulate.stamps import Stamps
from pipeline.simulate.steps.source import EngineTimes


@dataclass(frozen=True)
class Answered:
    """What became of a demand.

    Attributes:
        demand: it.
        stamps: of its requests.
        replicas: the replica of each request.
    """

    demand: Demand
    stamps: Stamps
    replicas: NDArray[np.int64]


@dataclass(frozen=True)
class ReplicaModel:
    """What all replicas are.

    Attributes:
        limits: of each.
        times: of each one's work.
        ranks: of the adapters that every one of them may be asked for.

    Raises:
        UsageError: not all adapters fit in memory, and nobody knows what a load takes.
    """

    limits: ReplicaSettings
    times: EngineTimes
    ranks: NDArray[np.int64]

    def __post_init__(self) -> None:
        room = self.limits.adapter_ranks
        if self.times.load_s is None and room is not None and self.ranks.sum() > room:
            raise UsageError(
                "steps.runs: loaded no adapter, so nobody knows what that takes; give runs in "
                "which adapters come and go, or room for all: replica.adapter_ranks=null"
            )

    def replica(self, demand: Demand, stamps: Stamps) -> SimulatedReplica:
        """One that idles, with the first adapters in memory."""
        ranks = self.ranks.tolist()
        residency = Residency(ranks, self.limits.adapter_ranks, self.times.load_s or 0.0)
        return SimulatedReplica(self.limits, self.times.law, residency, ranks, demand, stamps)


def serve(demand: Demand, replicas: int, model: ReplicaModel, router: Router) -> Answered:
    """Serve it to the last request.

    Args:
        demand: what is asked.
        replicas: how many there are.
        model: what each of them is.
        router: who gets which request.
    """
    stamps = Stamps.blank(len(demand.arrives))
    fleet = [model.replica(demand, stamps) for _ in range(replicas)]
    chosen = np.zeros(len(demand.arrives), np.int64)
    load = np.zeros(replicas, np.int64)
    events, telling = _Events(fleet, load), 0.0 if router.told_s < inf else inf
    for request, (now, adapter) in enumerate(
        zip(demand.arrives.tolist(), demand.adapters.tolist(), strict=True)
    ):
        while telling <= now:
            events.until(telling)
            for place, replica in enumerate(fleet):
                router.told(place, replica.adapters)
            telling += router.told_s
        events.until(now)
        place = router.choose(adapter, load)
        chosen[request] = place
        load[place] += 1
        fleet[place].arrives(request, now)
        events.expect(place)
    events.until(inf)
    return Answered(demand, stamps, chosen)


class _Events:
    """When replicas are due; an entry that its replica doesn't mean any more is passed over."""

    def __init__(self, fleet: list[SimulatedReplica], load: NDArray[np.int64]) -> None:
        self._fleet, self._load = fleet, load
        self._heap: list[tuple[float, int]] = []

    def expect(self, place: int) -> None:
        """The replica has said when it is due."""
        if self._fleet[place].due < inf:
            heappush(self._heap, (self._fleet[place].due, place))

    def until(self, now: float) -> None:
        """What is due before now, or now, happens."""
        while self._heap and self._heap[0][0] <= now:
            due, place = heappop(self._heap)
            replica = self._fleet[place]
            if replica.due == due:
                self._load[place] -= replica.act(due)
                self.expect(place)
