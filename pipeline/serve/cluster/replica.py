"""A replica: the engine and the application of a server, asked through Ray instead of HTTP."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from prometheus_client.metrics_core import Metric
from starlette.types import Message

from pipeline.inference.occupancy import Residence
from pipeline.serve.app import app_of
from pipeline.serve.build import load
from pipeline.serve.cluster.passed_request import PassedRequest
from pipeline.serve.cluster.routing_stats import ADAPTERS
from pipeline.serve.config import ServeConfig
from pipeline.serve.errors import engine_failed
from pipeline.serve.keys import CALLER
from pipeline.serve.routes.metrics import registry_of
from pipeline.serve.server import LINGER_S, SWITCH_S


class Replica:
    """One in a process; what Ray Serve holds passes its calls on to it, on its event loop."""

    def __init__(self, config: ServeConfig, application: str, owner: Any) -> None:
        """Load everything.

        Args:
            config: of this replica.
            application: its name on the cluster.
            owner: an actor that ends with whoever deploys it.

        Raises:
            UsageError: the engine can't be loaded.
        """
        sys.setswitchinterval(SWITCH_S)
        self._made = load(config)
        self._service = self._made.service(asyncio.get_running_loop())
        events = asyncio.get_running_loop()
        self._service.connect(lambda: events.call_soon_threadsafe(self._fail))
        self._app = app_of(self._service, lambda: 0)
        self._registry = registry_of(self._service)
        self._watching = asyncio.ensure_future(_end_with(owner, application))

    async def answer(self, asked: PassedRequest) -> AsyncIterator[list[Message]]:
        """ASGI's messages of an answer, as many at a time as have come.

        Whoever asks may stop: what it asked for is cancelled then.
        """
        told: asyncio.Queue[Message | None] = asyncio.Queue()
        CALLER.set(asked.caller)
        scope = {**asked.scope, "asgi": {"version": "3.0"}, "caller": asked.caller}
        working = asyncio.ensure_future(self._app(scope, _receiving(asked.body), told.put))
        working.add_done_callback(lambda _: told.put_nowait(None))
        try:
            is_over = False
            while not is_over:
                messages = [await told.get()]
                while not told.empty():
                    messages.append(told.get_nowait())
                is_over = messages[-1] is None
                if some := [each for each in messages if each is not None]:
                    yield some
            await working
        finally:
            working.cancel()

    async def metrics(self) -> tuple[str, list[Metric]]:
        """Its id, and what its `/metrics` would show."""
        from ray import serve

        return serve.get_replica_context().replica_id.unique_id, [*self._registry.collect()]

    def record_routing_stats(self) -> dict[str, Any]:
        """For the router: the adapters that are in memory."""
        uses = self._service.loop.occupancy.adapters
        return {ADAPTERS: [each.name for each in uses if each.residence is not Residence.DISK]}

    def _fail(self) -> None:
        """The engine is gone: every open request fails, and Ray puts another replica here."""
        self._service.fail(engine_failed())
        asyncio.get_running_loop().call_later(LINGER_S, os._exit, 1)

    def close(self) -> None:
        """Free what was loaded."""
        self._made.close()


def _receiving(body: bytes) -> Any:
    """ASGI's call for what a client sends: a body, and nothing more."""
    left = [body]

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(), "more_body": False}

    return receive


async def _end_with(owner: Any, application: str) -> None:
    """Take the application off the cluster when the process is gone that put it there."""
    from ray import serve
    from ray.exceptions import RayError

    try:
        await owner.lives.remote()
    except RayError:
        serve.delete(application, _blocking=False)
