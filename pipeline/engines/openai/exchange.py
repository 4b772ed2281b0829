"""One request to a server and all that comes of it: never an exception, always a reply."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import perf_counter
from typing import Any

import httpx2

from pipeline.engines.openai.chunk import DONE, StreamChunk, read_chunk, said_by
from pipeline.engines.openai.reply import ServerReply
from pipeline.errors import in_a_line, shortened

LARGEST_ERROR = 1 << 16
"""Bytes that are read of what a server says of an error."""
TALKATIVE = 1000
"""Chunks beyond ten a token after which an answer is taken to have no end."""


LINGER_S = 1
"""Seconds in which a stream that said it had ended must do so, for its connection to be kept."""


class _ItIsOver(Exception):
    """The server said that there is an error."""


async def exchange(
    client: httpx2.AsyncClient, path: str, body: Mapping[str, Any], tokens: int, seconds: float
) -> ServerReply:
    """Send a request and read its stream to the end.

    Args:
        client: which knows the server.
        path: of the endpoint.
        body: of the request.
        tokens: most that were asked for, whatever the server calls that.
        seconds: after which it is given up.
    """
    reply = ServerReply(perf_counter())
    try:
        async with asyncio.timeout(seconds):
            await _exchange(client, path, body, 10 * tokens + TALKATIVE, reply)
    except asyncio.CancelledError:
        reply.cancelled = True
    except TimeoutError:
        reply.error = f"no answer within engine.timeout_s={seconds:g}"
    except _ItIsOver:
        pass
    except ValueError as error:
        reply.error = f"the server {error}"
    except Exception as error:
        reply.error, reply.lost = in_a_line(error), True
    if reply.error and reply.chunks:
        reply.error += f", after {len(reply.chunks)} chunks"
    reply.ended = perf_counter()
    return reply


async def _exchange(
    client: httpx2.AsyncClient, path: str, body: Mapping[str, Any], most: int, reply: ServerReply
) -> None:
    """With so many chunks at most."""
    async with client.stream("POST", path, json=body) as response:
        if response.status_code != httpx2.codes.OK:
            reply.error = await refusal(response)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as rest:
                async for event in httpx2.EventSource(response):
                    if event.data == DONE:
                        rest.reschedule(asyncio.get_running_loop().time() + LINGER_S)
                    elif event.data:
                        _add(read_chunk(event.data, perf_counter()), reply, most)
    if reply.error is None and reply.finish is None:
        reply.error, reply.lost = "the stream broke off", True
    elif reply.error is None and reply.finish not in ("stop", "length"):
        reply.error = f"the server ended it: {shortened(str(reply.finish))}"


def _add(chunk: StreamChunk, reply: ServerReply, most: int) -> None:
    if chunk.error is not None:
        reply.error = f"the server said: {chunk.error}"
        raise _ItIsOver
    reply.chunks.append(chunk)
    if len(reply.chunks) > most:
        raise ValueError("doesn't come to an end")


async def refusal(response: httpx2.Response) -> str:
    """What a server says that doesn't answer: its status and its message, in a line."""
    read = b""
    async for part in response.aiter_bytes():
        read += part
        if len(read) > LARGEST_ERROR:
            break
    return f"HTTP {response.status_code}: {message_of(read[:LARGEST_ERROR])}"


def message_of(body: bytes) -> str:
    """What an error's body says; a page's beginning where it is no JSON."""
    text = body.decode("utf-8", "replace")
    try:
        return said_by(httpx2.Response(200, content=body).json())
    except (ValueError, RecursionError):
        return said_by(text) if text.strip() else "without a word"
