"""A thread of its own in which all requests to one server go on at once."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable, Mapping
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import Any, Self, TypeVar

import httpx2

from pipeline.engines.openai.exchange import exchange
from pipeline.engines.openai.reply import ServerReply

Answer = TypeVar("Answer")

CONNECT_S = 10
"""Seconds after which a server that can't be reached is given up."""
IDLE_S = 4
"""Seconds for which an idle connection is kept: less than servers do (uvicorn 5), so that none is
used which they are about to close."""

logging.getLogger(httpx2.__name__).setLevel(logging.WARNING)  # it has a line for every request

Done = Callable[[Hashable, ServerReply], None]
"""Called in that thread when all is over with a request."""


class Connection:
    """A context manager: when the block ends, nothing is under way any more.

    As many connections are opened as requests are under way, and kept for the next ones. Nothing is
    ever sent twice.
    """

    def __init__(
        self, base_url: str, headers: Mapping[str, str], timeout_s: float, done: Done
    ) -> None:
        """Not yet there.

        Args:
            base_url: of the server.
            headers: of every request.
            timeout_s: seconds after which a request is given up.
            done: is told of every request that was sent.
        """
        self._base_url, self._headers, self._timeout_s = base_url, headers, timeout_s
        self._done = done
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}

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

    def send(self, id_: Hashable, path: str, body: Mapping[str, Any], tokens: int) -> None:
        """Begin with a request.

        Args:
            id_: of it.
            path: of the endpoint.
            body: to be sent.
            tokens: most that are asked for.
        """
        self._loop.call_soon_threadsafe(self._begin, id_, path, body, tokens)

    def cancel(self, id_: Hashable) -> None:
        """End a request; it is told as cancelled, unless it has ended before."""
        self._loop.call_soon_threadsafe(self._cancel, id_)

    def get(self, path: str, seconds: float) -> httpx2.Response:
        """What a GET brings, read to its end; whoever calls waits for it.

        Raises:
            httpx2.HTTPError: nothing, in that time.
        """
        return self._wait(self._client.get(path, timeout=seconds))

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        future: Future[Answer] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    async def _open(self) -> httpx2.AsyncClient:
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # Else a line for every request.
        return httpx2.AsyncClient(
            base_url=self._base_url,
            headers={"accept-encoding": "identity", **self._headers},
            timeout=httpx2.Timeout(None, connect=CONNECT_S),
            limits=httpx2.Limits(
                max_connections=None, max_keepalive_connections=None, keepalive_expiry=IDLE_S
            ),
            trust_env=False,
        )

    async def _close(self) -> None:
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def _begin(self, id_: Hashable, path: str, body: Mapping[str, Any], tokens: int) -> None:
        task = self._loop.create_task(self._ask(id_, path, body, tokens))
        self._tasks[id_] = task
        task.add_done_callback(partial(self._forget, id_))

    async def _ask(self, id_: Hashable, path: str, body: Mapping[str, Any], tokens: int) -> None:
        self._done(id_, await exchange(self._client, path, body, tokens, self._timeout_s))

    def _forget(self, id_: Hashable, task: asyncio.Task[None]) -> None:
        """One that was cancelled before it began has said nothing yet."""
        if self._tasks.get(id_) is task:
            del self._tasks[id_]
        if task.cancelled():
            self._done(id_, ServerReply(0.0, cancelled=True))

    def _cancel(self, id_: Hashable) -> None:
        if id_ in self._tasks:
            self._tasks[id_].cancel()
