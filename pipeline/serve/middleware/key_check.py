"""Who asks: by their key, where keys are asked for."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.serve.errors import ApiError
from pipeline.serve.keys import CALLER, Keys

OPEN = ("/", "/health", "/ping", "/version")
"""Paths that need no key: they say nothing of what is served, or to whom."""
WHOLE = ("/metrics", "/status", "/v1/load_lora_adapter", "/v1/unload_lora_adapter")
"""Paths that show or change what all callers have."""


class KeyCheck:
    """Answers 401 without a key, and 403 where a key is held to some adapters and the path isn't.

    Which adapters a key may name is for whoever reads `CALLER`.
    """

    def __init__(self, app: ASGIApp, keys: Keys | None) -> None:
        self._app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http" and self._keys is not None and scope["path"] not in OPEN:
            caller = self._keys.caller(Headers(scope=scope).get("authorization"))
            if caller is None:
                error = ApiError(
                    "no valid API key: send it as Authorization: Bearer KEY",
                    HTTPStatus.UNAUTHORIZED,
                    headers={"WWW-Authenticate": "Bearer"},
                )
                return await _tell(error, scope, receive, send)
            CALLER.set(caller)
            scope["caller"] = caller
            if caller.models is not None and scope["path"] in WHOLE:
                error = ApiError(
                    f"{scope['path']}: not for a key that is held to some adapters",
                    HTTPStatus.FORBIDDEN,
                )
                return await _tell(error, scope, receive, send)
        await self._app(scope, receive, send)


async def _tell(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse(error.body(), error.status, error.headers)(scope, receive, send)
