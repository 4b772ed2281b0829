"""How many connections may be open."""

from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.serve.errors import later

WATCHED = ("/health", "/ping", "/metrics")
"""Paths that are answered all the same, by which a server is watched when it has too much to do."""

SOON_S = 5
"""Seconds after which to come again."""


class ConnectionLimit:
    """Answers 503 to requests on connections beyond so many, and closes those."""

    def __init__(self, app: ASGIApp, most: int, count: Callable[[], int]) -> None:
        """Around an application.

        Args:
            app: what requests pass on to.
            most: connections that may be open.
            count: how many are, that of the request included.
        """
        self._app, self._most, self._count = app, most, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        is_watching = scope["type"] != "http" or scope["path"] in WATCHED
        if is_watching or self._count() <= self._most:
            return await self._app(scope, receive, send)
        error = later(f"too many connections are open (serve.max_connections={self._most})", SOON_S)
        headers = error.headers | {"Connection": "close"}
        await JSONResponse(error.body(), error.status, headers)(scope, receive, send)
