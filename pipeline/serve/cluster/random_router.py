"""`cluster.routing=random`: to any replica, to hold other routings against."""

from random import sample

from ray.serve.request_router import PendingRequest, RequestRouter, RunningReplica


class RandomRouter(RequestRouter):  # type: ignore[misc]  # Ray has no types.
    """Any; another one where that has no room."""

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """All of them, in whatever order."""
        return [[each] for each in sample(candidate_replicas, len(candidate_replicas))]
