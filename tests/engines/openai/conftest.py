"""A small server that answers as it is told to, and as badly."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from ssl import SSLContext
from threading import Thread
from typing import Any

import pytest

from pipeline.engines.openai.settings import OpenAiSettings
from pipeline.engines.settings import Serving

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
Script = Callable[[dict[str, Any]], AsyncIterator[bytes]]
"""Of a request's body: the raw bytes of the answer, as they are written, head included."""


def chunked(data: bytes) -> bytes:
    """A piece of a body as HTTP/1.1 sends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(**said: Any) -> bytes:
    return f"data: {json.dumps(said, ensure_ascii=False)}\n\n".encode()


def token(text: str, ids: Sequence[int] | None = None, **said: Any) -> bytes:
    ids_said = {} if ids is None else {"token_ids": list(ids)}
    return event(choices=[{"index": 0, "text": text, **ids_said, "finish_reason": None} | said])


def ending(
    output: int | None, reason: str = "length", prompt: int = 6, cached: int | None = None
) -> list[bytes]:
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": output}
    usage |= {} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}
    last = [event(choices=[], usage=usage)] if output is not None else []
    return [token("", finish_reason=reason), *last, b"data: [DONE]\n\n"]


async def whole(*pieces: bytes) -> AsyncIterator[bytes]:
    """A stream of those events, well-behaved."""
    yield OK
    for each in pieces:
        yield chunked(each)
    yield chunked(b"")


def response(status: int, body: bytes, kind: str = "application/json") -> bytes:
    head = (
        f"HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class BadServer:
    """In a thread of its own; ends with `close`.

    Attributes:
        script: how the next requests are answered.
        metrics: what it says of itself.
        bodies: of the requests that came.
        heads: lines of their heads.
        connections: how many there were.
        open: how many there are.
    """

    def __init__(self, host: str = "127.0.0.1", context: SSLContext | None = None) -> None:
        self.models: Any = {"object": "list", "data": [{"id": "base"}, {"id": "sql"}]}
        self.adapters: Any = [{"id": 3, "path": "/somewhere/sql.gguf", "scale": 0.0}]
        self.script: Script = lambda body: whole(token("a", [5]), *ending(1))
        self.metrics = "some_metric 1\n"
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.connections = self.open = 0
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        start = asyncio.start_server(self._serve, host, 0, backlog=2048, ssl=context)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._loop.call_soon(self._less)

    def _less(self) -> None:
        """Behind what closes the socket itself."""
        self.open -= 1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        path = head.split()[1]
        length = [line for line in head.splitlines() if line.lower().startswith("content-length:")]
        body = await reader.readexactly(int(length[0].split()[1]) if length else 0)
        known = {"/v1/models": self.models, "/lora-adapters": self.adapters, "/health": {}}
        if path == "/metrics":
            writer.write(response(200, self.metrics.encode(), "text/plain"))
        elif path in known:
            writer.write(response(200, json.dumps(known[path]).encode()))
        else:
            self.bodies.append(json.loads(body or b"null"))
            async for piece in self.script(self.bodies[-1]):
                if piece == b"close":
                    return False
                writer.write(piece)
                await writer.drain()
        await writer.drain()
        return True


@pytest.fixture
def server() -> Iterator[BadServer]:
    """One for each test."""
    made = BadServer()
    yield made
    made.close()


@pytest.fixture
def settings(cache: Any, server: BadServer) -> Callable[..., OpenAiSettings]:
    """Of an engine that asks it."""
    usual = {"name": "openai", "cache": cache, "base_url": server.url, "timeout_s": 600}
    return lambda **said: OpenAiSettings(**usual | said)


@pytest.fixture
def engine(settings: Any, checkpoint: Any, adapters: Any) -> Iterator[Any]:
    """Enters engines with settings of one's own, which end with the test."""
    entered = []

    def made(**said: Any) -> Any:
        serving = Serving(checkpoint, {"sql": adapters["sql"]}, threads=1)
        entered.append(settings(**said).build(serving).__enter__())
        return entered[-1]

    yield made
    for each in entered:
        each.close()
