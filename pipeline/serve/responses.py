"""Answers on their way to the client, whole or as a stream; a client that goes away ends them."""

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from pipeline.serve.errors import ApiError
from pipeline.serve.generation import Generation
from pipeline.serve.protocol.sampling import SamplingFields
from pipeline.serve.shape import DONE, Shape, text_json

STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
"""Headers of a stream; the last one keeps nginx from collecting it."""


class GenerationResponse(Response):
    """What an endpoint returns: it asks the engine when it is sent."""

    def __init__(self, generation: Generation, shape: Shape) -> None:
        self.generation, self.shape = generation, shape
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it.

        Raises:
            ApiError: it can't be answered, and nothing was sent yet.
        """
        scope["generation"] = self.generation  # For the log.
        await unless_gone(self.tell(scope, receive, send), receive)

    @abstractmethod
    async def tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, and send what comes."""


class WholeAnswer(GenerationResponse):
    """All at once, when the last answer has come to its end."""

    async def tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `GenerationResponse`."""
        with self.generation.answering() as answering:
            while not self.generation.is_over:
                await self.generation.news(answering)
        told = [(each, each.piece()) for each in self.generation.replies]
        await JSONResponse(self.shape.whole(told))(scope, receive, send)


class StreamedAnswer(GenerationResponse):
    """Server-sent events: a piece a token, or as much as came while the client was slow."""

    async def tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `GenerationResponse`."""
        with self.generation.answering() as answering:
            await send({"type": "http.response.start", "status": 200, "headers": STREAM})
            try:
                while not self.generation.is_over:
                    touched = await self.generation.news(answering)
                    told = [(each, each.piece()) for each in touched]
                    chunks = [self.shape.chunk(*each) for each in told if each[1]]
                    if chunks:
                        await _send(send, b"".join(chunks))
                last = self.shape.closing()
            except ApiError as error:
                last = f"data: {text_json(error.body())}\n\n".encode() + DONE
        await _send(send, last, more=False)


def answer(generation: Generation, shape: type[Shape], body: SamplingFields) -> Response:
    """What an endpoint returns.

    Args:
        generation: what is to be asked of the engine.
        shape: how it is written.
        body: whether as it comes.
    """
    kind = StreamedAnswer if body.stream else WholeAnswer
    return kind(generation, shape(generation, body))


async def _send(send: Send, body: bytes, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def unless_gone(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Do it, unless the client goes away first, which cancels it.

    Args:
        work: what is done for the client.
        receive: tells when the client is gone, for its request has been read.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for each in (working, leaving):
            each.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await each


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
