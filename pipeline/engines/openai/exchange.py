"""One request to a server and all that comes of it: never an exception, always a reply."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from http import HTTPStatus
from time import perf_counter

import aiohttp

from pipeline.engines.openai.broken_framing import ended_by_its_connection
from pipeline.engines.openai.chunk import DONE, StreamChunk, read_chunk, said_by
from pipeline.engines.openai.event_stream import MEDIA_TYPE, EventStream
from pipeline.engines.openai.reply import ServerReply
from pipeline.engines.openai.session import cause
from pipeline.errors import in_a_line, shortened

LARGEST_ERROR = 1 << 16
"""Bytes that are read of what a server says of an error."""
TALKATIVE = 1000
"""Chunks beyond ten a token after which an answer is taken to have no end."""
LINGER_S = 1
"""Seconds in which a stream that said it had ended must do so, for its connection to be kept."""

Post = Callable[[], AbstractAsyncContextManager[aiohttp.ClientResponse]]
"""Sends the request."""


class _ItIsOver(Exception):
    """The server said that there is an error."""


async def exchange(post: Post, tokens: int, seconds: float) -> ServerReply:
    """Send a request and read its stream to the end.

    Args:
        post: sends it.
        tokens: most that were asked for, whatever the server calls that.
        seconds: after which it is given up.
    """
    reply = ServerReply(perf_counter())
    try:
        async with asyncio.timeout(seconds), post() as response:
            with ended_by_its_connection(response):
                await _exchange(response, 10 * tokens + TALKATIVE, reply)
    except asyncio.CancelledError:
        reply.cancelled = True
    except _ItIsOver:
        pass
    except aiohttp.ClientError as error:
        reply.error, reply.lost = cause(error), True
    except TimeoutError:
        reply.error = f"no answer within engine.timeout_s={seconds:g}"
    except ValueError as error:
        reply.error = f"the server {error}"
    except Exception as error:
        reply.error, reply.lost = in_a_line(error), True
    if reply.error and reply.chunks:
        reply.error += f", after {len(reply.chunks)} chunks"
    reply.ended = perf_counter()
    return reply


async def _exchange(response: aiohttp.ClientResponse, most: int, reply: ServerReply) -> None:
    """With so many chunks at most."""
    if response.status != HTTPStatus.OK:
        reply.error = await refusal(response)
        return
    if response.content_type != MEDIA_TYPE:
        raise ValueError(f"sent {shortened(response.content_type)}, which isn't {MEDIA_TYPE}")
    await _read(response.content, most, reply)
    if reply.finish is None:
        reply.error, reply.lost = "the stream broke off", True
    elif reply.finish not in ("stop", "length"):
        reply.error = f"the server ended it: {shortened(str(reply.finish))}"


async def _read(content: aiohttp.StreamReader, most: int, reply: ServerReply) -> None:
    """All that comes together has one stamp, taken before anything is made of it."""
    events = EventStream()
    while came := await content.readany():
        at = perf_counter()
        for data in events.feed(came):
            if data == DONE:
                await _ended(content)
                return
            if data:
                _add(read_chunk(data, at), reply, most)


async def _ended(content: aiohttp.StreamReader) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while await content.readany():
                pass


def _add(chunk: StreamChunk, reply: ServerReply, most: int) -> None:
    if chunk.error is not None:
        reply.error = f"the server said: {chunk.error}"
        raise _ItIsOver
    reply.chunks.append(chunk)
    if len(reply.chunks) > most:
        raise ValueError("doesn't come to an end")


async def refusal(response: aiohttp.ClientResponse) -> str:
    """What a server says that doesn't answer: its status and its message, in a line."""
    read = b""
    while len(read) <= LARGEST_ERROR and (part := await response.content.readany()):
        read += part
    return f"HTTP {response.status}: {message_of(read[:LARGEST_ERROR])}"


def message_of(body: bytes) -> str:
    """What an error's body says; a page's beginning where it is no JSON."""
    try:
        return said_by(json.loads(body))
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace")
        return said_by(text) if text.strip() else "without a word"
