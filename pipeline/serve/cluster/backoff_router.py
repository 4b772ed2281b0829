"""What our routers share: while all replicas are full, requests wait ever longer between looks."""

from abc import abstractmethod
from collections.abc import Sequence

from ray.serve.request_router import PendingRequest, RequestRouter, RunningReplica


class BackoffRouter(RequestRouter):  # type: ignore[misc]  # Ray has no types.
    """Ranks replicas for an adapter.

    Ray asks for a ranking anew until a replica has room, at once unless the request's context says
    that it should back off: then after 25 ms, and each time after twice as long, up to half a
    second (`RequestRouterConfig`). Without that, a full cluster keeps the server's processor busy.
    """

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """See `ranked`."""
        if pending_request is None:
            return [candidate_replicas]
        pending_request.routing_context.should_backoff = True
        return self.ranked(candidate_replicas, pending_request.metadata.multiplexed_model_id)

    @abstractmethod
    def ranked(
        self, candidates: Sequence[RunningReplica], adapter: str
    ) -> list[list[RunningReplica]]:
        """Groups, the first of which is asked first; in each, the least loaded is taken.

        Args:
            candidates: all that live.
            adapter: its name; empty for the base model.
        """
