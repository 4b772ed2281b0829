"""An answer on its way from a replica to a client, who is told where it breaks off."""

import asyncio
from http import HTTPStatus
from typing import Any

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from starlette.datastructures import Headers
from starlette.types import Message, Send

from pipeline.serve.errors import ApiError, later
from pipeline.serve.middleware.connection_limit import SOON_S
from pipeline.serve.shape import DONE, text_json

START = "http.response.start"


class PassedAnswer:
    """ASGI's messages, as a replica tells them.

    Attributes:
        error: what to tell the client when the task that passes it on is cancelled; None where
            there is no client any more.
    """

    def __init__(self, answers: Any, send: Send) -> None:
        """Nothing was passed on yet.

        Args:
            answers: Ray's, of lists of messages.
            send: to the client.
        """
        self._answers, self._send = answers, send
        self.error: ApiError | None = None
        self._start: Message | None = None
        self._is_whole = False

    async def tell(self) -> None:
        """Pass all of it on.

        Raises:
            ApiError: there is no answer, and nothing was sent yet.
            ConnectionAbortedError: it broke off where a client can't be told but by an end.
        """
        try:
            async for messages in self._answers:
                for each in messages:
                    await self._pass_on(each)
        except (RayError, RayServeException) as error:
            await self._break_off(_why(error))
        except asyncio.CancelledError:
            self._answers.cancel()
            if self.error is None:
                raise
            await self._break_off(self.error)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == START:
            self._start = message
        else:
            self._is_whole = not message.get("more_body", False)
        await self._send(message)

    async def _break_off(self, error: ApiError) -> None:
        if self._is_whole:
            return
        if self._start is None:
            raise error
        type_ = Headers(raw=self._start["headers"]).get("content-type", "")
        if not type_.startswith("text/event-stream"):
            raise ConnectionAbortedError(error.message) from error
        last = f"data: {text_json(error.body())}\n\n".encode() + DONE
        await self._send({"type": "http.response.body", "body": last, "more_body": False})


def _why(error: Exception) -> ApiError:
    if isinstance(error, BackPressureError):
        return later(
            "too many requests wait for the replicas", SOON_S, HTTPStatus.TOO_MANY_REQUESTS
        )
    if isinstance(error, RayTaskError):  # A fault of ours, which the replica's log tells.
        return ApiError("internal error", HTTPStatus.INTERNAL_SERVER_ERROR)
    return later("the replica is gone that was to answer; ask again", SOON_S)
