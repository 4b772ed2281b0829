"""The server before the replicas: requests are passed on, and answers passed back as they come."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.types import Receive, Scope, Send

from pipeline.serve.access_log import AccessLog
from pipeline.serve.app import guard
from pipeline.serve.cluster.passed_answer import PassedAnswer
from pipeline.serve.cluster.passed_request import PassedRequest
from pipeline.serve.cluster.replica_metrics import merged
from pipeline.serve.errors import ApiError, later
from pipeline.serve.keys import Keys
from pipeline.serve.middleware.connection_limit import SOON_S, WATCHED
from pipeline.serve.responses import unless_gone
from pipeline.serve.routes.metrics import exposition
from pipeline.serve.settings import ServeSettings

WATCH_S = 5.0
"""Seconds within which whoever watches gets an answer."""


class Gateway:
    """Passes requests on to whichever replica Ray's router chooses.

    Attributes:
        settings: of the server.
        stopping: why no more requests are taken; None while they are.
        error: always None: replicas that fail are replaced.
    """

    error: BaseException | None = None

    def __init__(self, settings: ServeSettings, base: str, handle: Any) -> None:
        """Nothing is open.

        Args:
            settings: of the server.
            base: the base model's name.
            handle: Ray's, of the replicas.
        """
        self.settings, self._base, self._handle = settings, base, handle
        self.stopping: str | None = None
        self._open: dict[PassedAnswer, asyncio.Task[Any]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def connect(self, failed: Callable[[], object]) -> None:
        """See `Behind`."""

    async def idle(self) -> None:
        """See `Behind`."""
        await self._idle.wait()

    def fail(self, error: ApiError) -> None:
        """See `Behind`."""
        for answer, task in self._open.items():
            answer.error = error
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it.

        Raises:
            ApiError: it can't be answered, and nothing was sent yet.
        """
        if self.stopping is not None:
            raise later(self.stopping, self.settings.drain_seconds)
        asked = PassedRequest.of(scope, await Request(scope, receive).body())
        try:
            async with asyncio.timeout(WATCH_S if scope["path"] in WATCHED else None):
                await unless_gone(self._pass_on(asked, send), receive)
        except TimeoutError as error:
            raise later("no replica answers", SOON_S) from error

    async def metrics(self, accept: str) -> Response:
        """Of all replicas that live.

        Raises:
            ApiError: one of them doesn't tell in time.
        """
        asked = self._handle.broadcast("metrics")
        try:
            told = await asked.results_async(timeout_s=WATCH_S, return_exceptions=True)
        except TimeoutError as error:
            raise later("a replica doesn't tell its metrics", SOON_S) from error
        return exposition(merged(each for each in told if isinstance(each, tuple)), accept)

    async def _pass_on(self, asked: PassedRequest, send: Send) -> None:
        model = asked.model
        adapter = "" if model is None or model == self._base else model
        answers = self._handle.options(
            stream=True, multiplexed_model_id=adapter, method_name="answer"
        ).remote(asked)
        answer, task = PassedAnswer(answers, send), asyncio.current_task()
        assert task is not None
        self._open[answer] = task
        self._idle.clear()
        try:
            await answer.tell()
        finally:
            del self._open[answer]
            if not self._open:
                self._idle.set()


def gateway_app(
    gateway: Gateway, keys: Keys | None, log: AccessLog, connections: Callable[[], int]
) -> FastAPI:
    """The application: all paths are the replicas', but for those that are about one engine."""
    app = FastAPI(title="multilora", docs_url=None, redoc_url=None, openapi_url=None)
    guard(app, gateway.settings, keys, log, connections)

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        return await gateway.metrics(request.headers.get("accept", ""))

    @app.get("/")
    @app.get("/status")
    async def status() -> None:
        raise ApiError("the page shows one engine, and here are several", HTTPStatus.NOT_FOUND)

    app.mount("/", gateway)
    return app
