"""`cluster.routing=adapter`: to a replica that has the adapter in memory, while it has room."""

from collections import OrderedDict
from collections.abc import Sequence
from time import monotonic
from typing import Any

from ray.serve.request_router import PendingRequest, RunningReplica

from pipeline.serve.cluster.backoff_router import BackoffRouter
from pipeline.serve.cluster.routing_stats import ADAPTERS

MOST_REMEMBERED = 100_000
"""Names, for clients may make them up."""

REMEMBERED_S = 60.0
"""Seconds after which it counts no longer where an adapter's last request went."""


class AdapterRouter(BackoffRouter):
    """The least loaded of the replicas that have the adapter; else one that has few adapters.

    Which ones have it replicas tell by themselves, some time later. Until then it is where the last
    request for it was sent, and for a minute it stays so: a replica that reads it anew has read it
    not long ago. A popular adapter, whose replica has no more room, comes to be in memory at
    others, too.
    """

    def initialize_state(self, **_: Any) -> None:
        """Nothing was sent anywhere yet."""
        self._sent: OrderedDict[str, tuple[Any, float]] = OrderedDict()

    def ranked(
        self, candidates: Sequence[RunningReplica], adapter: str
    ) -> list[list[RunningReplica]]:
        """Those that have it, then the others, those with few adapters first."""
        if not adapter:
            return [[*candidates]]
        self._forget()
        sent, _ = self._sent.get(adapter, (None, 0.0))
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
            self._sent[adapter] = replica_id, monotonic()
            self._sent.move_to_end(adapter)
            self._forget()

    def _forget(self) -> None:
        """What was sent too long ago: since then replicas go, come, and lose what isn't asked for.

        The oldest stand first.
        """
        before = monotonic() - REMEMBERED_S
        while self._sent:
            _, since = next(iter(self._sent.values()))
            if since >= before and len(self._sent) <= MOST_REMEMBERED:
                return
            self._sent.popitem(last=False)


def _adapters(replica: RunningReplica) -> int:
    return len(replica.routing_stats.get(ADAPTERS, ()))
