"""What every endpoint works with: the model, the names, the desk, and whether there is an end."""

from collections.abc import Callable
from functools import cached_property
from time import perf_counter
from typing import Annotated

from fastapi import Depends, Request

from pipeline.inference.capabilities import Capabilities
from pipeline.serve.access_log import AccessLog
from pipeline.serve.adapter_changes import AdapterChanges
from pipeline.serve.adapters import ServedNames
from pipeline.serve.desk import Desk
from pipeline.serve.errors import ApiError, engine_failed, later
from pipeline.serve.keys import Keys
from pipeline.serve.loop import EngineLoop
from pipeline.serve.readers import Reader, Readers
from pipeline.serve.settings import ServeSettings


class Service:
    """Of one server.

    Attributes:
        settings: how it serves.
        readers: of what can be asked.
        model: the base model.
        names: who can be named.
        loop: steps the engine.
        desk: who waits for what.
        changes: adapters that come and go.
        keys: who may ask; None for whoever can reach the server.
        log: of requests.
        stopping: why no more requests are taken; None while they are.
        began: stamp of when it was made, `time.perf_counter` seconds.
    """

    def __init__(
        self,
        settings: ServeSettings,
        readers: Readers,
        names: ServedNames,
        loop: EngineLoop,
        desk: Desk,
        keys: Keys | None,
        log: AccessLog,
    ) -> None:
        self.settings, self.readers, self.names = settings, readers, names
        self.model = readers.base.model
        self.loop, self.desk = loop, desk
        self.changes = AdapterChanges(settings.adapter_root, settings.resolve, names, loop, readers)
        self.keys, self.log = keys, log
        self.stopping: str | None = None
        self.began = perf_counter()

    @cached_property
    def capabilities(self) -> Capabilities:
        """The engine's."""
        return self.loop.engine.capabilities

    @property
    def error(self) -> BaseException | None:
        """What ended the engine before its time."""
        return self.loop.error

    def connect(self, failed: Callable[[], object]) -> None:
        """Begin to answer; `failed` is called, on any thread, when that can't be done any more."""
        self.loop.connect(self.desk.hand_over, failed)

    async def idle(self) -> None:
        """Returns when no request is open."""
        await self.desk.idle()

    def fail(self, error: ApiError) -> None:
        """End every open request."""
        self.desk.fail(error)

    def check_taking(self) -> None:
        """Refuse a request that would never be answered.

        Raises:
            ApiError: the engine has failed, or the server is about to end.
        """
        if not self.loop.is_alive:
            raise engine_failed()
        if self.stopping is not None:
            raise later(self.stopping, self.settings.drain_seconds)

    async def reader(self, model: str | None) -> Reader:
        """Of whoever a request's `model` names, which is looked for where that is on.

        Raises:
            ApiError: it would never be answered, or names nothing that is served.
        """
        self.check_taking()
        await self.changes.resolve(model)
        return self.readers.reader(self.names.adapter(model))


def service_of(request: Request) -> Service:
    """The service of the app that got a request."""
    service: Service = request.app.state.service
    return service


async def _dependency(request: Request) -> Service:
    """Asynchronous, for FastAPI calls others on another thread."""
    return service_of(request)


OfApp = Annotated[Service, Depends(_dependency)]
"""What endpoints take that needn't be fast."""
