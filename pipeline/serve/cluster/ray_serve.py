"""`cluster=ray`: replicas of the engine on the nodes of a Ray cluster, by Ray Serve.

The server that clients speak to is this process, with its limits, keys and log. Each replica holds
what `cluster=local` would hold, application included; requests are passed on as ASGI has them.
"""

import importlib.util
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.launch.launchers.ray_connection import connect
from pipeline.serve.build import checked
from pipeline.serve.cluster.one_process import OneProcess
from pipeline.serve.cluster.placement import check_placement
from pipeline.serve.config import Cluster, ServeConfig
from pipeline.serve.deployment import Deployment
from pipeline.serve.settings import LOCAL
from pipeline.settings import STRICT

INSTALL = "pip install 'ray[serve]==2.60.0'"
UNLIMITED = 64
"""Requests open at a replica whose engine runs any number together."""
STATS_S = 1.0
"""Seconds after which replicas tell anew which adapters they have in memory."""


class ReplicaRouting(StrEnum):
    """By what a request's replica is chosen."""

    ADAPTER = "adapter"
    LOAD = "load"
    RANDOM = "random"


HERE = __name__.rpartition(".")[0]
ROUTERS = {
    ReplicaRouting.ADAPTER: f"{HERE}.adapter_router.AdapterRouter",
    ReplicaRouting.LOAD: "ray.serve._private.request_router:PowerOfTwoChoicesRequestRouter",
    ReplicaRouting.RANDOM: f"{HERE}.random_router.RandomRouter",
}
"""The class of each; that of `load` is Ray's own, the shorter queue of two."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RayServe(Cluster):
    """Replicas on a cluster that runs.

    Attributes:
        address: of its head, `host:port`; `auto` finds the one this machine is a node of.
        replicas: how many there are, or are at least.
        most_replicas: how many there may be, by the load; None keeps their number.
        target_requests: open requests a replica, on average, that the number of replicas aims at.
        upscale_delay_s: seconds of more load after which there are more.
        downscale_delay_s: seconds of less load after which there are fewer.
        open_requests: that a replica may have before others get what would be its own; None takes
            as many as its engine runs together.
        routing: by what a request's replica is chosen.
    """

    address: str = "auto"
    replicas: Annotated[PositiveInt, Field(le=10_000)] = 2
    most_replicas: Annotated[PositiveInt, Field(le=10_000)] | None = None
    target_requests: PositiveFloat = 8.0
    upscale_delay_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    downscale_delay_s: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    open_requests: Annotated[PositiveInt, Field(le=10**6)] | None = None
    routing: ReplicaRouting = ReplicaRouting.ADAPTER

    def __post_init__(self) -> None:
        if self.most_replicas is not None and self.most_replicas < self.replicas:
            raise UsageError(
                f"cluster.most_replicas={self.most_replicas}: fewer than "
                f"cluster.replicas={self.replicas}"
            )

    def check(self, config: ServeConfig) -> None:
        """Connect to the cluster.

        Raises:
            UsageError: Ray Serve isn't installed; what is to be served doesn't go together; there
                is no cluster, or it has no room that is free; or adapters are to be loaded by
                requests, which reach one replica each.
        """
        if any(importlib.util.find_spec(each) is None for each in ("ray", "grpc")):
            raise UsageError(f"cluster=ray: needs Ray Serve, which isn't installed: {INSTALL}")
        if config.serve.loads:
            raise UsageError(
                "cluster=ray: /v1/load_lora_adapter would load an adapter into the replicas of one "
                "moment alone; let each find adapters by itself: serve.resolve=true "
                "serve.adapter_root=FOLDER"
            )
        checked(config)
        connect(self.address, "cluster")
        check_placement(self.replicas, config.compute_threads)

    def deployed(self, config: ServeConfig) -> Deployment:
        """See `Cluster`."""
        from pipeline.serve.cluster.ray_deployment import RayDeployment

        return RayDeployment(config, self.of_replica(config), self.options(config))

    def of_replica(self, config: ServeConfig) -> ServeConfig:
        """What a replica is made by: all but what the server before it sees to."""
        serve = replace(config.serve, host=LOCAL[0], port=0, keys=None, access_log=None)
        threads = config.compute_threads
        return replace(config, serve=serve, cluster=OneProcess(), threads=threads)

    def options(self, config: ServeConfig) -> dict[str, object]:
        """Of the deployment, as Ray Serve calls them."""
        most = self.open_requests or config.engine.max_batch_size or UNLIMITED
        scaling: dict[str, object] = {"num_replicas": self.replicas}
        if self.most_replicas is not None:
            scaling = {
                "autoscaling_config": {
                    "min_replicas": self.replicas,
                    "max_replicas": self.most_replicas,
                    "target_ongoing_requests": self.target_requests,
                    "upscale_delay_s": self.upscale_delay_s,
                    "downscale_delay_s": self.downscale_delay_s,
                }
            }
        return {
            **scaling,
            "max_ongoing_requests": most,
            "max_queued_requests": config.serve.max_waiting,
            "graceful_shutdown_timeout_s": config.serve.drain_seconds,
            "request_router_config": {
                "request_router_class": ROUTERS[self.routing],
                "request_routing_stats_period_s": STATS_S,
            },
        }
