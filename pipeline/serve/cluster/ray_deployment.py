"""Replicas on a Ray cluster that have been started, and the server before them."""

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

from pipeline.errors import UsageError, in_a_line
from pipeline.launch.program import code_hash
from pipeline.places import PACKAGE
from pipeline.serve.access_log import AccessLog
from pipeline.serve.cluster.gateway import Gateway, gateway_app
from pipeline.serve.cluster.replica import Replica
from pipeline.serve.config import ServeConfig
from pipeline.serve.deployment import Deployment
from pipeline.serve.keys import Keys
from pipeline.serve.server import HttpServer
from pipeline.serve.settings import VARIABLE


class RayDeployment(Deployment):
    """An application of Ray Serve's, which ends with this process, however that ends."""

    def __init__(
        self, config: ServeConfig, of_replica: ServeConfig, options: Mapping[str, object]
    ) -> None:
        """Start the replicas; returns when all of them can answer.

        Args:
            config: of the server.
            of_replica: of each of them.
            options: of the deployment, as Ray Serve calls them.

        Raises:
            UsageError: they can't be started.
        """
        self._config = config
        self._keys = Keys.read(config.serve.keys) if config.serve.keys is not None else None
        self._log = AccessLog(config.serve.access_log)
        self._name = f"multilora-{uuid4().hex[:8]}"
        self._start(of_replica, options)

    @property
    def description(self) -> str:
        """See `Deployment`."""
        return f"{self._config.base_name} on Ray, by engine={self._config.engine.name}"

    def server(self) -> HttpServer:
        """See `Deployment`."""
        settings = self._config.serve
        gateway = Gateway(settings, self._config.base_name, self._handle)
        return HttpServer(gateway, partial(gateway_app, gateway, self._keys, self._log))

    def close(self) -> None:
        """See `Deployment`."""
        import ray
        from ray import serve

        with suppress(Exception):  # The cluster may be gone, and the replicas with it.
            serve.delete(self._name, _blocking=False)
        ray.shutdown()
        self._log.close()

    def _start(self, of_replica: ServeConfig, options: Mapping[str, object]) -> None:
        import ray
        from ray import serve

        for name in ("ray", "ray.serve"):
            logging.getLogger(name).setLevel(logging.ERROR)

        class Owner:
            async def lives(self) -> None:
                await asyncio.Event().wait()

        owner: Any = ray.remote(num_cpus=0)(Owner)
        self._owner = owner.remote()
        actor = {"num_cpus": of_replica.compute_threads, "runtime_env": {"env_vars": _variables()}}
        deployment = serve.deployment(Replica, name="engine", ray_actor_options=actor, **options)
        bound = deployment.bind(of_replica, code_hash(), self._name, self._owner)
        serve.start(proxy_location="Disabled")
        try:
            self._handle = serve.run(bound, name=self._name, route_prefix=None)
        except BaseException as error:  # This process may have been told to stop, too.
            self.close()
            if not isinstance(error, RuntimeError):
                raise
            raise UsageError(f"cluster=ray: {in_a_line(error)[:500]}") from error


def _variables() -> dict[str, str]:
    """Of a replica's environment: where this program is; and adapters don't come by requests."""
    paths = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), VARIABLE: "0"}
