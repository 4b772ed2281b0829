"""Replicas on a Ray cluster that have been started, and the server before them."""

import asyncio
import logging
import os
import pickle
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from pipeline.errors import UsageError, in_a_line
from pipeline.places import PACKAGE
from pipeline.serve.access_log import AccessLog
from pipeline.serve.cluster.gateway import Gateway, gateway_app
from pipeline.serve.cluster.sent_replica import sent_replica
from pipeline.serve.config import ServeConfig
from pipeline.serve.deployment import Deployment
from pipeline.serve.keys import Keys
from pipeline.serve.server import HttpServer
from pipeline.serve.settings import VARIABLE

FAILURES = (RayError, RayServeException, RuntimeError, TimeoutError)
"""What Ray Serve raises where replicas can't be started."""

OURS = ("RuntimeError", f"{UsageError.__module__}.{UsageError.__name__}")
"""Of errors at the end of a trace, those that say in a line of ours what is wrong."""


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
        try:
            self._handle = self._started(of_replica, options)
        except FAILURES as error:
            why = self._told() or in_a_line(error)
            self.close()
            raise UsageError(f"cluster=ray: {why[:500]}") from error
        except BaseException:  # This process was told to stop, say.
            self.close()
            raise

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
        with suppress(Exception):  # The cluster may be gone, and the replicas with it.
            serve.delete(self._name, _blocking=False)
        ray.shutdown()
        self._log.close()

    def _told(self) -> str | None:
        """What ended a replica that was to start; None where none has said it."""
        try:
            deployments = serve.status().applications[self._name].deployments
        except (KeyError, *FAILURES):
            return None
        lines = "\n".join(each.message for each in deployments.values()).strip().splitlines()
        if not lines:
            return None
        kind, _, said = lines[-1].partition(": ")
        return said if kind in OURS else lines[-1]

    def _started(self, of_replica: ServeConfig, options: Mapping[str, object]) -> Any:
        """Ray's handle of them."""
        for name in ("ray", "ray.serve"):
            logging.getLogger(name).setLevel(logging.ERROR)

        class Owner:
            async def lives(self) -> None:
                await asyncio.Event().wait()

        owner: Any = ray.remote(num_cpus=0)(Owner)
        self._owner = owner.remote()
        actor = {"num_cpus": of_replica.compute_threads, "runtime_env": {"env_vars": _variables()}}
        deployment = serve.deployment(
            sent_replica(), name="engine", ray_actor_options=actor, **options
        )
        bound = deployment.bind(pickle.dumps(of_replica), self._name, self._owner)
        serve.start(proxy_location="Disabled")
        return serve.run(bound, name=self._name, route_prefix=None)


def _variables() -> dict[str, str]:
    """Of a replica's environment: where this program is; and adapters don't come by requests."""
    paths = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), VARIABLE: "0"}
