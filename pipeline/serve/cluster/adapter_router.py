"""`cluster.routing=adapter`: to a replica that has the adapter in memory, while it has room."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ray.serve.request_router import PendingRequest, RunningReplica

from pipeline.serve.cluster.backoff_router import BackoffRouter
from pipeline.serve.cluster.routing_stats import ADAPTERS

MOST_REMEMBERED = 100_000
"""Names, for clients may make them up."""


class AdapterRouter(BackoffRouter):
    """The least loaded of the replicas that have the adapter; else one that has few adapters.

    Which ones have it replicas tell by themselves, some time later. Until then it is where the last
    request for it was sent. A popular adapter, whose replica has no more room, comes to be in
    memory at others, too.
    """

    def initialize_state(self, **_: Any) -> None:
        """Nothing was sent anywhere yet."""
        self._sent: OrderedDict[str, Any] = OrderedDict()

    def ranked(
        self, candidates: Sequence[RunningReplica], adapter: str
    ) -> list[list[RunningReplica]]:
        """Those that have it, then the others, those with few adapters first."""
        if not adapter:
            return [[*candidates]]
        sent = self._sent.get(adapter)
        homes: list[RunningReplica] = []
        others: list[RunningReplica] = []
        for each in candidates:
            is_home = each.replica_id == sent or adapter in each.routing_stats.get(ADAPTERS, ())
            (homes if is_home else others).append(each)
        return [homes, sorted(others, key=_adapters)]

    def on_request_routed(
        self, pending_request: PendingRequest, replica_id: Any, result: Any
    ) -> None:
        """Remember where the adapter is now, or will be."""
        if adapter := pending_request.metadata.multiplexed_model_id:
            self._sent[adapter] = replica_id
            self._sent.move_to_end(adapter)
            if len(self._sent) > MOST_REMEMBERED:
                self._sent.popitem(last=False)


def _adapters(replica: RunningReplica) -> int:
    return len(replica.routing_stats.get(ADAPTERS, ()))
