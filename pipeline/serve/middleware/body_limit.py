"""How large a request may be, and how long it may take to come."""

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.serve.errors import ApiError


class BodyLimit:
    """Answers 413 to what is too large, before it is read, and 408 to what doesn't come."""

    def __init__(self, app: ASGIApp, most: int, seconds: float) -> None:
        """Around an application.

        Args:
            app: what requests pass on to.
            most: bytes of a body.
            seconds: for all of it.
        """
        self._app, self._most, self._seconds = app, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._most:
            error = self._too_large()
            answer = JSONResponse(error.body(), error.status, {"Connection": "close"})
            return await answer(scope, receive, send)
        await self._app(scope, _Counted(receive, self), send)

    async def next(self, receive: Receive, deadline: float, before: int) -> tuple[Message, int]:
        """The next piece of a body, and the bytes up to it.

        Raises:
            HTTPException: it is too large, or didn't come.
        """
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as error:
            said = f"the body didn't come within {self._seconds:g} s"
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, said) from error
        size = before + len(message.get("body", b""))
        if size > self._most:
            error_ = self._too_large()
            raise HTTPException(error_.status, error_.message)
        return message, size

    def deadline(self) -> float:
        """Of a body that begins now."""
        return asyncio.get_running_loop().time() + self._seconds

    def _too_large(self) -> ApiError:
        return ApiError(
            f"the body is larger than serve.max_body_bytes={self._most}",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )


class _Counted:
    """`receive` of one request: limited until its body has come, then as it is."""

    def __init__(self, receive: Receive, limit: BodyLimit) -> None:
        self._receive, self._limit = receive, limit
        self._deadline, self._size, self._is_read = limit.deadline(), 0, False

    async def __call__(self) -> Message:
        if self._is_read:
            return await self._receive()
        message, self._size = await self._limit.next(self._receive, self._deadline, self._size)
        self._is_read = not message.get("more_body", False)
        return message
