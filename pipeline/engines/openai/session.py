"""A thread of its own that keeps connections to one server, and asks it."""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from threading import Thread
from typing import Any, Self, TypeVar

import aiohttp

from pipeline.errors import in_a_line

Answer = TypeVar("Answer")

CONNECT_S = 10
"""Seconds after which a server that can't be reached is given up."""
IDLE_S = 4
"""Seconds for which an idle connection is kept: less than servers do (uvicorn 5), so that none is
used which they are about to close."""
LARGEST_HEADER = 1 << 16
"""Bytes of a line in the head of an answer."""
OF_ALL = {"accept-encoding": "identity"}
OF_JSON = {"content-type": "application/json"}
"""Headers of every request, and of those that have a body."""

written = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Unanswered(Exception):
    """Nothing came of a question; its message is a line."""


def cause(error: aiohttp.ClientError) -> str:
    """In a line, what was wrong; the library gives what can't be read a status of its own."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the server sent what is no HTTP: {' '.join(error.message.split())}"
    return in_a_line(error)


@dataclass(frozen=True)
class ServerPage:
    """What a path of a server brought.

    Attributes:
        status: of HTTP.
        body: as it came.
    """

    status: int
    body: bytes

    @property
    def is_ok(self) -> bool:
        """Whether it is what was asked for."""
        return self.status == HTTPStatus.OK


class ServerSession:
    """A context manager: when the block ends, nothing is under way any more.

    As many connections are opened as requests are under way, and kept for the next ones. Neither
    proxies nor passwords are taken from the environment, and no other address is followed.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        """Not yet there.

        Args:
            base_url: of the server.
            headers: of every request.
        """
        self._base_url, self._headers = base_url.rstrip("/"), {**OF_ALL, **headers}

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="openai", daemon=True)
        self._thread.start()
        self._client = self._wait(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def get(self, path: str, seconds: float) -> ServerPage:
        """What a path brings, read to its end; whoever calls waits for it.

        Raises:
            Unanswered: nothing, in that time.
        """
        try:
            return self._wait(self._page(path, seconds))
        except TimeoutError as error:
            raise Unanswered(f"nothing came within {seconds:g} s") from error
        except aiohttp.ClientError as error:
            raise Unanswered(cause(error)) from error

    def _post(self, path: str, body: Mapping[str, Any]) -> "aiohttp.client._RequestContextManager":
        """Inside the thread: sends once; as a context manager it gives the answer's stream."""
        return self._client.post(
            self._base_url + path,
            data=written(body).encode(),
            headers=OF_JSON,
            allow_redirects=False,
        )

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        future: Future[Answer] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    async def _page(self, path: str, seconds: float) -> ServerPage:
        url, timeout = self._base_url + path, aiohttp.ClientTimeout(total=seconds)
        async with self._client.get(url, timeout=timeout, allow_redirects=False) as response:
            return ServerPage(response.status, await response.read())

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            max_line_size=LARGEST_HEADER,
            max_field_size=LARGEST_HEADER,
        )

    async def _close(self) -> None:
        await self._client.close()
