"""`cluster.routing=random`: to any replica, to hold other routings against."""

from collections.abc import Sequence
from random import sample

from ray.serve.request_router import RunningReplica

from pipeline.serve.cluster.backoff_router import BackoffRouter


class RandomRouter(BackoffRouter):
    """Any; another one where that has no room."""

    def ranked(
        self, candidates: Sequence[RunningReplica], adapter: str
    ) -> list[list[RunningReplica]]:
        """All of them, in whatever order."""
        return [[each] for each in sample(candidates, len(candidates))]
